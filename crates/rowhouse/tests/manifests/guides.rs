//! The commands of `rowhouse` in the documentation, as the program parses them.

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::read::REPOSITORY;

/// Required arguments that a command takes from a variable or a file where its line does not give them.
const FROM_ELSEWHERE: [&str; 2] = ["--database-url", "--encryption-keys"];
/// Words of the shell that may stand before a command.
const KEYWORDS: [&str; 5] = ["do", "then", "else", "exec", "!"];

/// Returns the pages with commands.
fn pages() -> Vec<PathBuf> {
    let repository = Path::new(REPOSITORY);
    let guides = fs::read_dir(repository.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages = guides.filter(|path| path.extension().is_some_and(|end| end == "md")).collect::<Vec<_>>();
    pages.extend(["README.md", "deploy/README.md"].map(|page| repository.join(page)));
    pages
}

/// Divides a script into commands and these into words, as far as the documentation needs it: quotes, comments, and continued lines. A
/// redirection ends a command as well.
fn commands(script: &str) -> Vec<Vec<String>> {
    let (mut commands, mut command, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let script = script.replace("\\\n", " ");
    let mut chars = script.chars().peekable();
    while let Some(char) = chars.next() {
        match (quote, char) {
            (Some(open), _) if char == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => while chars.next_if(|next| *next != '\n').is_some() {},
            (None, '\n' | ';' | '|' | '&' | '(' | ')' | '<' | '>') => {
                command.extend(word.take());
                commands.push(std::mem::take(&mut command));
            }
            (None, _) if char.is_whitespace() => command.extend(word.take()),
            _ => word.get_or_insert_default().push(char),
        }
    }
    command.extend(word);
    commands.push(command);
    commands
}

/// Returns the command line of the program if a command runs it, here or on the cluster.
fn line(command: &[String]) -> Option<Vec<&str>> {
    let is_before = |word: &&str| KEYWORDS.contains(word) || word.contains('=');
    let mut words = command.iter().map(String::as_str).skip_while(is_before);
    match words.next()? {
        "rowhouse" => {}
        // The name of the Job is not the program's.
        "deploy/operator-job" => drop(words.next()),
        _ => return None,
    }
    Some(std::iter::once("rowhouse").chain(words).collect())
}

/// Says what is wrong with a command line.
fn complaint(line: &[&str]) -> Option<String> {
    let error = rowhouse::cli::command().try_get_matches_from(line).err()?;
    let missing = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::MissingRequiredArgument, Some(ContextValue::Strings(missing))) => missing.as_slice(),
        _ => &[],
    };
    let is_elsewhere = |one: &String| FROM_ELSEWHERE.iter().any(|argument| one.starts_with(argument));
    let is_complete = !missing.is_empty() && missing.iter().all(is_elsewhere);
    (!is_complete).then(|| error.to_string())
}

#[test]
fn the_documented_commands_are_the_programs() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for block in text.split("\n```sh\n").skip(1).map(|block| block.split("\n```").next().unwrap()) {
            for command in commands(block) {
                let Some(line) = line(&command) else { continue };
                checked += 1;
                wrong.extend(complaint(&line).map(|said| format!("{}: {line:?}: {said}", page.display())));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 20, "{checked} commands were found");
}
