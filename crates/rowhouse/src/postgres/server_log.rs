//! What PostgreSQL says about its own troubles.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The server's log, from a certain start on.
#[derive(Clone, Debug)]
pub(super) struct ServerLog {
    path: PathBuf,
    start: u64,
}

impl ServerLog {
    /// Opens the file for one more start; earlier ones stay in it.
    pub(super) fn open(path: &Path) -> io::Result<(Self, File)> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let start = file.metadata()?.len();
        Ok((Self { path: path.to_owned(), start }, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Everything since the start.
    pub(super) fn text(&self) -> String {
        let mut text = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.start))?;
            file.read_to_end(&mut text)
        });
        match read {
            Ok(_) => String::from_utf8_lossy(&text).into_owned(),
            Err(error) => format!("{} cannot be read: {error}", self.path.display()),
        }
    }

    /// The line that says why.
    pub(super) fn reason(&self) -> String {
        reason(&self.text())
    }
}

/// The last line that tells of an error, or, without one, the last line.
pub(super) fn reason(text: &str) -> String {
    const MARKS: [&str; 4] = ["PANIC:", "FATAL:", "error:", "ERROR:"];
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let marked = lines.clone().rev().find_map(|line| {
        MARKS.iter().find_map(|mark| line.find(mark).and_then(|at| line.get(at.saturating_add(mark.len())..)))
    });
    marked.or_else(|| lines.clone().next_back()).unwrap_or("it said nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_reason_is_the_last_error() {
        let log = "2026-01-01 10:00:00.000 UTC [17] LOG:  starting PostgreSQL 15.18\n\
                   2026-01-01 10:00:00.001 UTC [17] FATAL:  could not write lock file \"postmaster.pid\": No space left on device\n\
                   2026-01-01 10:00:00.002 UTC [17] LOG:  database system is shut down\n";
        assert_eq!(reason(log), "could not write lock file \"postmaster.pid\": No space left on device");
        let initdb = "creating directory /x ... \ninitdb: error: could not create directory \"/x\": Read-only file system\n";
        assert_eq!(reason(initdb), "could not create directory \"/x\": Read-only file system");
        assert_eq!(reason("one\n\ntwo\n\n"), "two");
        assert_eq!(reason(""), "it said nothing");
    }

    #[test]
    fn earlier_starts_do_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postgres.log");
        for start in ["first", "second"] {
            let (log, mut file) = ServerLog::open(&path).unwrap();
            assert_eq!(log.text(), "");
            writeln!(file, "FATAL:  {start}").unwrap();
            assert_eq!(log.reason(), start);
        }
    }
}
