//! Whether programs that cargo has built are as new as what they were built from, by the lists of sources that cargo writes
//! beside them. For tests: `cargo test --workspace` has just built the programs, and another build with other features
//! would take minutes.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Whether all of these programs in a directory are there, and newer than each of their sources.
pub(crate) fn are_fresh(directory: &Path, programs: &[&str]) -> bool {
    programs.iter().all(|program| is_fresh(directory, program).unwrap_or(false))
}

fn is_fresh(directory: &Path, program: &str) -> Option<bool> {
    let built = changed(&directory.join(program))?;
    let list = fs::read_to_string(directory.join(format!("{program}.d"))).ok()?;
    let (_, sources) = list.lines().next()?.split_once(": ")?;
    // A source that has gone is reason enough for a build.
    Some(names(sources).iter().all(|source| changed(Path::new(source)).is_some_and(|changed| changed <= built)))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// File names with blanks between them; a blank within a name has a backslash before it.
fn names(list: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut escaped = false;
    for letter in list.chars() {
        match (letter, escaped, names.last_mut()) {
            ('\\', false, _) => escaped = true,
            (' ', false, _) => names.push(String::new()),
            (_, _, Some(name)) => {
                name.push(letter);
                escaped = false;
            }
            (_, _, None) => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_blank_within_a_name_does_not_end_it() {
        assert_eq!(names("/a/b.rs /a\\ b/c.rs"), ["/a/b.rs", "/a b/c.rs"]);
        assert_eq!(names(""), [""; 0]);
    }

    #[test]
    fn a_program_is_fresh_until_a_source_changes_or_goes() {
        let directory = std::env::temp_dir().join(format!("fresh programs-{}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory");
        let (source, program) = (directory.join("main.rs"), directory.join("program"));
        let fresh = || are_fresh(&directory, &["program"]);
        fs::write(&source, "").expect("a source");
        assert!(!fresh(), "there is no program");
        fs::write(&program, "").expect("a program");
        assert!(!fresh(), "nobody knows its sources");
        let escaped = source.display().to_string().replace(' ', "\\ ");
        fs::write(directory.join("program.d"), format!("program: {escaped}\n")).expect("a list");
        assert!(fresh());
        let later = changed(&program).expect("a time") + Duration::from_secs(1);
        fs::File::open(&source).expect("the source").set_modified(later).expect("changed");
        assert!(!fresh(), "the source is newer");
        fs::remove_file(&source).expect("removed");
        assert!(!fresh(), "the source has gone");
        fs::remove_dir_all(&directory).expect("removed");
    }
}
