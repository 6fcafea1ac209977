//! Finding, registering and deregistering on a scripted stream, in virtual time.

use super::*;
use crate::consumer::scripted::{Asked, Scripted, active, failure};

fn managed() -> Registration {
    Registration::new("job".to_owned(), Lifecycle::ManagedByJob)
}

fn with(status: ConsumerStatus) -> RegisteredConsumer {
    RegisteredConsumer { status, ..active("arn") }
}

#[tokio::test(start_paused = true)]
async fn an_active_consumer_is_used_and_asked_for_once_and_never_deregistered_fo_11() {
    let (stream, registration) = (Scripted::consumers([Ok(Some(active("arn")))], []), managed());
    for _ in 0..3 {
        assert_eq!(registration.arn(&stream).await.unwrap().0, "arn");
    }
    assert_eq!(stream.asked(), [Asked::Find]);
    assert_eq!(registration.ours().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_missing_consumer_is_registered_waited_for_and_ours_to_deregister_fo_11() {
    let creating = with(ConsumerStatus::Creating);
    let found = [Ok(None), Ok(Some(creating.clone())), Ok(Some(active("arn")))];
    let (stream, registration) = (Scripted::consumers(found, [Ok(creating)]), managed());
    assert_eq!(registration.arn(&stream).await.unwrap().0, "arn");
    assert_eq!(stream.asked(), [Asked::Find, Asked::Register, Asked::Find, Asked::Find]);
    let ours = registration.ours().await.unwrap();
    registration.deregister(&stream, &ours).await;
    assert_eq!(stream.asked().last(), Some(&Asked::Deregister("arn".to_owned())));
    assert_eq!(registration.ours().await, None, "once");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_somebody_else_registers_at_the_same_time_is_used_and_theirs_fo_11() {
    let found = [Ok(None), Ok(Some(active("arn")))];
    let in_use = [Err(failure(ServiceErrorKind::InUse, "exists"))];
    let (stream, registration) = (Scripted::consumers(found, in_use), managed());
    assert_eq!(registration.arn(&stream).await.unwrap().0, "arn");
    assert_eq!(registration.ours().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_limit_on_consumers_is_told_and_the_next_attempt_begins_anew_fo_11() {
    let limit = [Err(failure(ServiceErrorKind::Throttled, "LimitExceededException"))];
    let (stream, registration) = (Scripted::consumers([Ok(None)], limit), managed());
    let error = registration.arn(&stream).await.unwrap_err();
    assert!(error.kind.is_transient(), "{error}");
    assert_eq!(registration.arn(&stream).await.unwrap().0, "arn");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_does_not_become_active_is_an_error_that_may_pass_fo_11() {
    let never = (0..LOOKS).map(|_| Ok(Some(with(ConsumerStatus::Deleting))));
    let (stream, registration) = (Scripted::consumers(never, []), managed());
    let error = registration.arn(&stream).await.unwrap_err();
    assert_eq!(error.kind, ServiceErrorKind::InUse, "{error}");
    assert!(error.to_string().contains("consumer 'job'"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_consumer_that_is_not_the_jobs_to_register_is_an_error_that_says_so() {
    let registration = Registration::new("job".to_owned(), Lifecycle::SelfManaged);
    let stream = Scripted::consumers([Ok(None)], []);
    let error = registration.arn(&stream).await.unwrap_err();
    assert_eq!(error.kind, ServiceErrorKind::NotFound);
    assert!(error.to_string().contains("SelfManaged") && error.to_string().contains("create it first"), "{error}");
    assert_eq!(stream.asked(), [Asked::Find]);
}
