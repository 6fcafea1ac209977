//! Tags of streams: adding, removing and listing them, by stream name or by resource ARN.
//!
//! Promises: what is refused changes nothing; tags come in the order of their keys; they take effect at once, whatever the
//! stream's status.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::call_rates::Call;
use super::error::KinesisError;
use super::limits::{TAG_KEY_CHARACTERS, TAG_VALUE_CHARACTERS, TAGS};
use super::machine::Model;
use super::millis::Millis;
use super::stream_ref::StreamRef;

/// An AddTagsToStream or TagResource request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddTags {
    /// Which stream.
    pub stream: StreamRef,
    /// Values by key: keys of 1 to 128 characters, values of 0 to 256. A key that the stream has gets the new value.
    pub tags: BTreeMap<String, String>,
}

/// A RemoveTagsFromStream or UntagResource request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoveTags {
    /// Which stream.
    pub stream: StreamRef,
    /// 1 to 50 keys; those that the stream does not have are passed over.
    pub keys: Vec<String>,
}

/// A ListTagsForStream request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListTags {
    /// Which stream.
    pub stream: StreamRef,
    /// Keys after this one only.
    pub exclusive_start: Option<String>,
    /// At most so many, 1 to 50. Default 50, which is all.
    pub limit: Option<u32>,
}

/// A page of tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTagsReply {
    /// Keys and values.
    pub tags: Vec<(String, String)>,
    /// Whether there are more after the last.
    pub has_more: bool,
}

impl Model {
    /// Adds tags to a stream.
    ///
    /// # Errors
    /// `ValidationException` for no tags, or keys or values of a wrong length, `InvalidArgumentException` for characters
    /// that AWS does not allow and beyond 50 tags, `ResourceNotFoundException` when there is no such stream.
    pub fn add_tags(&mut self, now: Millis, request: &AddTags) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::AddTags, Some(&request.stream))?;
        if request.tags.is_empty() {
            return Err(KinesisError::validation("{}", "tags", "have length greater than or equal to 1"));
        }
        let (name, stream) = self.find(&request.stream)?;
        let name = name.to_owned();
        self.check_tags(&name, &request.tags, &stream.tags)?;
        if let Some(stream) = self.streams.get_mut(&name) {
            stream.tags.extend(request.tags.clone());
        }
        Ok(())
    }

    /// Removes tags from a stream.
    ///
    /// # Errors
    /// `ValidationException` for no keys, more than 50 or keys of a wrong length, `ResourceNotFoundException` when there
    /// is no such stream.
    pub fn remove_tags(&mut self, now: Millis, request: &RemoveTags) -> Result<(), KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::RemoveTags, Some(&request.stream))?;
        if request.keys.is_empty() {
            return Err(KinesisError::validation("[]", "tagKeys", "have length greater than or equal to 1"));
        }
        if request.keys.len() > TAGS {
            let constraint = format!("have length less than or equal to {TAGS}");
            return Err(KinesisError::validation(list(&request.keys), "tagKeys", &constraint));
        }
        request.keys.iter().try_for_each(|key| check_key(key, "tagKeys", || list(&request.keys)))?;
        let name = self.find(&request.stream)?.0.to_owned();
        if let Some(stream) = self.streams.get_mut(&name) {
            for key in &request.keys {
                stream.tags.remove(key);
            }
        }
        Ok(())
    }

    /// A page of a stream's tags.
    ///
    /// # Errors
    /// `ValidationException` for a limit or key out of range, `ResourceNotFoundException` when there is no such stream.
    pub fn list_tags(&mut self, now: Millis, request: &ListTags) -> Result<ListTagsReply, KinesisError> {
        let now = self.advance(now);
        self.meter(now, Call::ListTags, Some(&request.stream))?;
        let most = u32::try_from(TAGS).unwrap_or(u32::MAX);
        let limit = request.limit.unwrap_or(most);
        KinesisError::check_limit("limit", limit, most)?;
        let start = request.exclusive_start.as_deref();
        if let Some(start) = start {
            check_key(start, "exclusiveStartTagKey", || start.to_owned())?;
        }
        let (_, stream) = self.find(&request.stream)?;
        let after = start.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = stream.tags.range::<str, _>((after, Bound::Unbounded));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let tags = rest.by_ref().take(limit).map(|(key, value)| (key.clone(), value.clone())).collect();
        Ok(ListTagsReply { tags, has_more: rest.next().is_some() })
    }

    /// Whether a stream of that name may have `new` tags besides those that it has.
    pub(crate) fn check_tags(
        &self,
        name: &str,
        new: &BTreeMap<String, String>,
        old: &BTreeMap<String, String>,
    ) -> Result<(), KinesisError> {
        for (key, value) in new {
            let all = || format!("{new:?}");
            check_key(key, "tags", all)?;
            if value.chars().count() > TAG_VALUE_CHARACTERS {
                let constraint = format!(
                    "Map value must satisfy constraint: [Member must have length less than or equal to {TAG_VALUE_CHARACTERS}, Member must have length greater than or equal to 0]"
                );
                return Err(KinesisError::constraint(all(), "tags", &constraint));
            }
        }
        let refused = |why: String| {
            let account = &self.settings.account;
            Err(KinesisError::invalid_argument(format!(
                "Failed to add tags to stream {name} under account {account} because {why}"
            )))
        };
        if !new.iter().flat_map(|(key, value)| key.chars().chain(value.chars())).all(allowed) {
            return refused(
                "some tags contained illegal characters. The allowed characters are Unicode letters, digits, white-spaces, '_','.',':','/','=','+','-','%','@'.".to_owned(),
            );
        }
        let added = new.keys().filter(|key| !old.contains_key(*key)).count();
        if old.len().saturating_add(added) > TAGS {
            return refused(format!("a given stream cannot have more than {TAGS} tags associated with it."));
        }
        Ok(())
    }
}

fn check_key(key: &str, member: &str, all: impl Fn() -> String) -> Result<(), KinesisError> {
    if (1..=TAG_KEY_CHARACTERS).contains(&key.chars().count()) {
        return Ok(());
    }
    let constraint = format!(
        "Map keys must satisfy constraint: [Member must have length less than or equal to {TAG_KEY_CHARACTERS}, Member must have length greater than or equal to 1]"
    );
    Err(KinesisError::constraint(all(), member, &constraint))
}

fn allowed(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-%@".contains(character)
}

fn list(keys: &[String]) -> String {
    format!("[{}]", keys.join(", "))
}
