//! A log that was found, or begun, on the way to being added to.
//!
//! Promises: a log that ends in the middle of an entry loses that entry and nothing before it; a file that is no log, or a
//! log of another version, is left as it is.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::directory::Directory;
use super::durability::Durability;
use super::entry::{Entry, MAGIC, Reader, SNAPSHOT, VERSION};
use super::log::Log;
use super::rewrite;
use crate::model::Model;
use crate::start_error::StartError;

/// A log whose commands are still to be carried out.
#[derive(Debug)]
pub(crate) struct Opened {
    directory: Directory,
    file: File,
    commands: Reader<BufReader<File>>,
    /// Bytes of the heading and the snapshot.
    base: u64,
}

impl Opened {
    /// Opens the directory's log, or begins one with a fresh model. Returns it with the model of its snapshot.
    pub(crate) fn open(directory: Directory, fresh: impl FnOnce() -> Model) -> Result<(Self, Model), StartError> {
        let failed = |source| StartError::Directory { path: directory.path().to_owned(), source };
        // A rewrite that did not come to its end.
        match fs::remove_file(directory.new_log()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        if !directory.log().try_exists().map_err(failed)? {
            rewrite::begin(&directory, &fresh()).map_err(failed)?;
        }
        let mut file = OpenOptions::new().read(true).write(true).open(directory.log()).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let strange = |detail: &str| StartError::StrangeLog { path: directory.log(), detail: detail.to_owned() };
        let heading = read_heading(&mut file).map_err(failed)?;
        match heading.as_deref().map(<[u8]>::split_last) {
            Some(Some((&VERSION, MAGIC))) => {}
            Some(Some((version, MAGIC))) => {
                return Err(strange(&format!("it has the form {version}, and this program writes the form {VERSION}")));
            }
            _ => return Err(strange("it is no log of this program")),
        }
        let input = BufReader::with_capacity(READ_AHEAD, file.try_clone().map_err(failed)?);
        let whole = file.stream_position().map_err(failed)?;
        let mut commands = Reader::new(input, whole, size);
        let model = match commands.next().map_err(failed)? {
            Some(Entry { operation: SNAPSHOT, body, .. }) => {
                Model::from_snapshot(body).map_err(|error| strange(&format!("its snapshot cannot be read: {error}")))?
            }
            _ => return Err(strange("its snapshot is damaged")),
        };
        let base = commands.whole();
        Ok((Self { directory, file, commands, base }, model))
    }

    /// The next command, or settings.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'_>>, StartError> {
        let path = self.directory.path();
        self.commands.next().map_err(|source| StartError::Directory { path: path.to_owned(), source })
    }

    /// The directory that the log is in.
    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Cuts off what is no whole entry, and goes over to adding; returns how many bytes were cut.
    pub(crate) fn finish(mut self, durability: Durability) -> Result<(Log, u64), StartError> {
        let (whole, rest) = (self.commands.whole(), self.commands.rest());
        let path = self.directory.path().to_owned();
        let failed = |source| StartError::Directory { path: path.clone(), source };
        if rest > 0 {
            self.keep_apart(whole).map_err(failed)?;
            self.file.set_len(whole).map_err(failed)?;
        }
        self.file.seek(SeekFrom::Start(whole)).map_err(failed)?;
        Ok((Log::new(self.directory, self.file, self.base, whole, durability), rest))
    }
}

impl Opened {
    /// Copies what is to be cut off into a file of its own: after damage in the middle of the log, whole entries are in it.
    fn keep_apart(&mut self, from: u64) -> io::Result<()> {
        let mut apart = File::create(self.directory.cut(from))?;
        self.file.seek(SeekFrom::Start(from))?;
        io::copy(&mut self.file, &mut apart)?;
        apart.sync_all()
    }
}

fn read_heading(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let mut heading = vec![0; MAGIC.len() + 1];
    match file.read_exact(&mut heading) {
        Ok(()) => Ok(Some(heading)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fewer calls of the system for small entries; large ones are read past it.
const READ_AHEAD: usize = 256 << 10;
