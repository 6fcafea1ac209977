//! A directory, or several whose names fit a pattern: `*` stands for any characters of a name, `?` for one.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

#[derive(Clone, Debug)]
pub(crate) struct PathPattern(PathBuf);

impl PathPattern {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The paths that fit, in the order of their names. A path without `*` and `?` fits itself, whether it is there or not.
    pub(crate) fn expand(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = vec![PathBuf::new()];
        for component in self.0.components() {
            found = match component {
                Component::Normal(name) if is_pattern(name) => {
                    let fitting = found.iter().map(|parent| children(parent, &name.to_string_lossy()));
                    fitting.collect::<io::Result<Vec<_>>>()?.concat()
                }
                plain => found.into_iter().map(|parent| parent.join(plain)).collect(),
            };
        }
        Ok(found)
    }
}

fn is_pattern(name: &OsStr) -> bool {
    name.to_string_lossy().contains(['*', '?'])
}

/// What fits in `parent`; nothing if that is not there or is no directory.
fn children(parent: &Path, pattern: &str) -> io::Result<Vec<PathBuf>> {
    let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let entries = match std::fs::read_dir(here) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if fits(pattern, &name.to_string_lossy()) {
            found.push(parent.join(name));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether a name fits a pattern. Hidden names fit only what begins with a dot.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    // Which prefixes of the pattern fit what was read of the name; one pass, whatever the number of stars.
    let pattern: Vec<char> = pattern.chars().collect();
    let mut reached = after_stars(&pattern, std::iter::once(0).collect());
    for read in name.chars() {
        let next = reached.iter().filter_map(|at| match pattern.get(*at)? {
            '*' => Some(*at),
            '?' => Some(at.saturating_add(1)),
            wanted => (*wanted == read).then_some(at.saturating_add(1)),
        });
        reached = after_stars(&pattern, next.collect());
    }
    reached.contains(&pattern.len())
}

/// A star may also stand for nothing.
fn after_stars(pattern: &[char], mut reached: std::collections::BTreeSet<usize>) -> std::collections::BTreeSet<usize> {
    for (at, wanted) in pattern.iter().enumerate() {
        if *wanted == '*' && reached.contains(&at) {
            reached.insert(at.saturating_add(1));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fresh_dir::FreshDir;

    #[test]
    fn stars_and_question_marks_fit_as_in_a_shell() {
        let fitting = [("a*c", "abbc"), ("a*c", "ac"), ("*", "x"), ("a?c", "abc"), ("*a*b*", "xxaxxbxx"), ("ä?", "äö")];
        assert!(fitting.iter().all(|(pattern, name)| fits(pattern, name)));
        let others = [("a*c", "abcd"), ("a?c", "ac"), ("*", ".hidden"), ("", "a"), ("a*b", "ba")];
        assert!(others.iter().all(|(pattern, name)| !fits(pattern, name)));
        assert!(fits(".*", ".hidden"));
    }

    #[test]
    fn a_pattern_finds_directories_at_several_levels_and_a_plain_path_itself() {
        let root = FreshDir::below(&std::env::temp_dir(), "dstream-test").unwrap();
        for directory in ["day-1/eu", "day-1/us", "day-2/eu", "night/eu"] {
            std::fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let expand = |pattern: &str| PathPattern::new(&root.path().join(pattern)).expand().unwrap();
        let paths = |names: &[&str]| names.iter().map(|name| root.path().join(name)).collect::<Vec<_>>();
        assert_eq!(expand("day-?/eu"), paths(&["day-1/eu", "day-2/eu"]));
        assert_eq!(expand("day-1/*"), paths(&["day-1/eu", "day-1/us"]));
        assert_eq!(expand("nothing/*"), paths(&[]));
        assert_eq!(expand("nothing"), paths(&["nothing"]));
    }
}
