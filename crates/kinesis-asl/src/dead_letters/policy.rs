//! The policy for records on which the program fails, as a program sets it and as the core takes it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use dstream_core::{BoxError, DeadLetter};

use crate::config::KinesisConfig;
use crate::dead_letters::file::DeadLetterFile;
use crate::dead_letters::letter::{DeadLetters, Letter};
use crate::dead_letters::stream::DeadLetterStream;
use crate::error::ConfigError;
use crate::record::KinesisRecord;

/// What becomes of a record on which the message handler, an operator or an output operation fails, by an error or by a panic, as
/// often as the context tries a batch. How such records are found, and what that may repeat, is told at
/// [`dstream_core::OnFailedRecord`].
///
/// ```
/// use kinesis_asl::{DeadLetterTarget, KinesisInputDStream, OnFailedRecord};
///
/// let letters = DeadLetterTarget::File("dead-letters.jsonl".into());
/// let builder = KinesisInputDStream::builder().on_failed_record(OnFailedRecord::DeadLetter(letters));
/// # drop(builder);
/// ```
#[derive(Debug, Clone, Default)]
pub enum OnFailedRecord {
    /// The application stops with an error that names the record; the checkpoint stays before it. The default.
    #[default]
    Stop,
    /// It goes there before its batch counts as processed, and the application goes on. If it cannot go there, the application
    /// stops, and nothing is lost.
    DeadLetter(DeadLetterTarget),
    /// It is left out and counted; an event and a warning name it.
    Skip,
}

impl OnFailedRecord {
    /// That records which are set aside do not go to `stream`, which the application reads.
    ///
    /// # Errors
    /// [`ConfigError::DeadLettersToThemselves`].
    pub(crate) fn check_no_letters_to(&self, stream: &str) -> Result<(), ConfigError> {
        match self {
            Self::DeadLetter(DeadLetterTarget::Stream(letters)) if letters == stream => {
                Err(ConfigError::DeadLettersToThemselves { stream: stream.to_owned() })
            }
            Self::DeadLetter(_) | Self::Stop | Self::Skip => Ok(()),
        }
    }

    /// Whether a record fares the same under both. Two targets of the program's own count as the same: nobody else can tell.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        use DeadLetterTarget::{Custom, File, Stream};
        match (self, other) {
            (Self::Stop, Self::Stop)
            | (Self::Skip, Self::Skip)
            | (Self::DeadLetter(Custom(_)), Self::DeadLetter(Custom(_))) => true,
            (Self::DeadLetter(File(path)), Self::DeadLetter(File(other))) => path == other,
            (Self::DeadLetter(Stream(name)), Self::DeadLetter(Stream(other))) => name == other,
            (Self::Stop | Self::Skip | Self::DeadLetter(_), _) => false,
        }
    }
}

/// Where records go that are set aside.
#[derive(Clone)]
#[non_exhaustive]
pub enum DeadLetterTarget {
    /// A [`DeadLetterFile`].
    File(PathBuf),
    /// A [`DeadLetterStream`] of this name, with the endpoint, region and credentials of the input stream. Not a
    /// stream that the application reads.
    Stream(String),
    /// Anything else, such as a queue.
    Custom(Arc<dyn DeadLetters>),
}

impl DeadLetterTarget {
    /// Anything that takes letters.
    pub fn custom(letters: impl DeadLetters) -> Self {
        Self::Custom(Arc::new(letters))
    }
}

impl fmt::Debug for DeadLetterTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Stream(name) => f.debug_tuple("Stream").field(name).finish(),
            Self::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}

/// The policy as the core takes it.
pub(crate) fn core_policy(
    policy: OnFailedRecord,
    config: &KinesisConfig,
) -> Result<dstream_core::OnFailedRecord<KinesisRecord>, ConfigError> {
    // Before the worker of the application is made of these settings.
    policy.check_no_letters_to(&config.stream)?;
    let target = match policy {
        OnFailedRecord::Stop => return Ok(dstream_core::OnFailedRecord::Stop),
        OnFailedRecord::Skip => return Ok(dstream_core::OnFailedRecord::Skip),
        OnFailedRecord::DeadLetter(target) => target,
    };
    let letters: Arc<dyn DeadLetters> = match target {
        DeadLetterTarget::File(path) if path.file_name().is_none() => {
            return Err(ConfigError::DeadLetterFile { path });
        }
        DeadLetterTarget::File(path) => Arc::new(DeadLetterFile::at(path)),
        DeadLetterTarget::Stream(stream) => {
            crate::config::check_stream_name("on_failed_record's stream", &stream)?;
            Arc::new(DeadLetterStream::new(config.kinesis.clone(), stream))
        }
        DeadLetterTarget::Custom(letters) => letters,
    };
    let application = config.application.clone();
    Ok(dstream_core::OnFailedRecord::DeadLetter(Arc::new(Addressed { application, letters })))
}

/// Adds to a letter what the core does not know.
struct Addressed {
    application: String,
    letters: Arc<dyn DeadLetters>,
}

#[async_trait]
impl dstream_core::DeadLetters<KinesisRecord> for Addressed {
    async fn put(&self, letter: DeadLetter<'_, KinesisRecord>) -> Result<(), BoxError> {
        let DeadLetter { record, batch, attempts, error, .. } = letter;
        let stream = record.stream();
        let letter = Letter { stream, application: &self.application, record, batch, attempts, error };
        self.letters.put(&letter).await
    }
}
