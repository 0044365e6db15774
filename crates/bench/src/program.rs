//! [`RunningProgram`], a program as a process, and what it takes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use procfs::process::{Process, Stat, Status};

use crate::Failure;

/// The number of lines that an error shows of a log.
const LINES: usize = 20;

/// A program that runs. It is killed when this is dropped.
pub(crate) struct RunningProgram {
    name: &'static str,
    process: Child,
    /// Its standard error, unless that is the measurement's own.
    log: Option<PathBuf>,
}

impl RunningProgram {
    /// Starts a command. Its standard error goes into the file, if there is one.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: Option<&Path>,
    ) -> Result<Self, Failure> {
        if let Some(log) = log {
            command.stderr(std::fs::File::create(log)?);
        }
        let process = command.spawn().map_err(|error| {
            format!("{} cannot be started ({error}); build it first", command.get_program().display())
        })?;
        Ok(Self { name, process, log: log.map(Path::to_owned) })
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns an error if it has ended.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.process.try_wait()? {
            Some(status) => Err(self.ended(status)),
            None => Ok(()),
        }
    }

    /// Waits until it ends by itself. Returns the most physical memory that it had, in bytes.
    pub(crate) fn finish(mut self) -> Result<u64, Failure> {
        let mut most = 0;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return if status.success() { Ok(most) } else { Err(self.ended(status)) };
            }
            // Unless it has ended in the meantime.
            most = self.most_memory().unwrap_or(0).max(most);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Returns the processor time that it has used.
    pub(crate) fn processor_time(&self) -> Result<Duration, Failure> {
        let Stat { utime, stime, .. } = self.process()?.stat()?;
        ticks(utime.saturating_add(stime))
    }

    /// Returns its physical memory, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        Ok(self.process()?.stat()?.rss.saturating_mul(procfs::page_size()))
    }

    /// Returns the most physical memory that it has had since its start, in bytes.
    pub(crate) fn most_memory(&self) -> Result<u64, Failure> {
        let Status { vmhwm, .. } = self.process()?.status()?;
        Ok(vmhwm.ok_or("a process that has ended has no memory")?.saturating_mul(1024))
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").arg(self.process.id().to_string()).status()?;
        self.process.wait()?;
        Ok(())
    }

    fn process(&self) -> Result<Process, Failure> {
        Ok(Process::new(self.process.id().try_into()?)?)
    }

    fn ended(&self, status: ExitStatus) -> Failure {
        let log = self.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let (_, last) = lines.split_at(lines.len().saturating_sub(LINES));
        format!("{} ended with {status}\n{}", self.name, last.join("\n")).into()
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        // After `stop` there is no process to kill.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Returns the processor time of a PostgreSQL: of the process that its data directory names, and of those that it has started.
pub(crate) fn postgres_processor_time(data: &Path) -> Result<Duration, Failure> {
    let written = std::fs::read_to_string(data.join("postmaster.pid"))?;
    let pid = written.lines().next().ok_or("the server has written no process id")?.parse()?;
    let Stat { utime, stime, cutime, cstime, .. } = Process::new(pid)?.stat()?;
    // Those that have ended are in the server's own.
    let ended = u64::try_from(cutime.saturating_add(cstime))?;
    let mut total = utime.saturating_add(stime).saturating_add(ended);
    for process in procfs::process::all_processes()? {
        // A process may end in the meantime.
        let Ok(stat) = process.and_then(|process| process.stat()) else { continue };
        if stat.ppid == pid {
            total = total.saturating_add(stat.utime).saturating_add(stat.stime);
        }
    }
    ticks(total)
}

fn ticks(ticks: u64) -> Result<Duration, Failure> {
    let per_second = u32::try_from(procfs::ticks_per_second())?;
    Ok(Duration::from_secs_f64(f64::from(u32::try_from(ticks)?) / f64::from(per_second)))
}
