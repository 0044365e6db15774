//! The command `rowhouse completions`, which prints a script for a shell.

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;

use super::output::stdout;

pub(super) const EXAMPLES: &str = "Examples:
  rowhouse completions bash > /etc/bash_completion.d/rowhouse
  rowhouse completions zsh > ~/.zfunc/_rowhouse
  rowhouse completions fish > ~/.config/fish/completions/rowhouse.fish";

#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "rowhouse", &mut script);
    stdout().write_all(&script)
}
