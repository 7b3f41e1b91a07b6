//! The options of `bailiwick run`: described as data, read by one routine, told by another.
//!
//! A parser that describes every option to itself when the program starts, and has code for every type of value, would be a
//! quarter of the program, and take longer than a small guest. `bailiwick-tools`, which has such a parser for all other
//! commands, makes its description of these options from the same data.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

/// What is wrong with a value, if anything is.
pub type Check = fn(&str) -> Result<(), String>;

/// What a value names, for completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Nothing that a shell knows.
    Nothing,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Without its hyphens.
    pub name: &'static str,
    /// What its values are called, as many as it wants.
    pub values: &'static [&'static str],
    /// What it does, in a sentence.
    pub help: &'static str,
    /// What its values name.
    pub names: Names,
    /// Whether it may be there more than once.
    pub repeats: bool,
    /// Whether a value may begin with a hyphen.
    pub hyphens: bool,
    /// What its value, which is text then, has to be.
    check: Option<Check>,
}

impl Choice {
    /// An option without a value.
    pub const fn flag(name: &'static str, help: &'static str) -> Choice {
        Choice { name, values: &[], help, names: Names::Nothing, repeats: false, hyphens: false, check: None }
    }

    /// One with values of these names.
    pub const fn taking(name: &'static str, values: &'static [&'static str], help: &'static str) -> Choice {
        Choice { values, ..Choice::flag(name, help) }
    }

    /// Its values are text of this form.
    pub const fn of(self, check: Check) -> Choice {
        Choice { check: Some(check), ..self }
    }

    /// Its values are any text.
    pub const fn text(self) -> Choice {
        self.of(|_| Ok(()))
    }

    /// Its value names this.
    pub const fn naming(self, names: Names) -> Choice {
        Choice { names, ..self }
    }

    /// It may be there more than once.
    pub const fn repeated(self) -> Choice {
        Choice { repeats: true, ..self }
    }

    /// Its values may begin with a hyphen.
    pub const fn with_hyphens(self) -> Choice {
        Choice { hyphens: true, ..self }
    }

    /// As messages and help have it: `--dir <HOST[::GUEST]>`.
    fn shown(&self) -> String {
        self.values.iter().fold(format!("--{}", self.name), |shown, value| format!("{shown} <{value}>"))
    }
}

/// Options under one heading.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// The heading.
    pub heading: &'static str,
    /// The options, in the order in which they are told.
    pub options: &'static [&'static [Choice]],
}

/// A command with options, and then words that are not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// What it does, in a sentence.
    pub about: &'static str,
    /// How it is called.
    pub usage: &'static str,
    /// What the words are called.
    pub words: &'static str,
    /// What they are.
    pub words_help: &'static str,
    /// Its options.
    pub sections: &'static [Section],
    /// What is said behind them.
    pub after: &'static str,
}

/// What was given.
#[derive(Debug, Default)]
pub struct Given {
    /// Names of options, and a value of each, or none.
    options: Vec<(&'static str, OsString)>,
    /// The words behind them.
    words: Vec<OsString>,
}

impl Given {
    /// Whether the option was.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(option, _)| *option == name)
    }

    /// All values of the option, in their order.
    pub fn all(&mut self, name: &str) -> Vec<OsString> {
        let mine = self.options.iter_mut().filter(|(option, _)| *option == name);
        mine.map(|(_, value)| std::mem::take(value)).collect()
    }

    /// The value of the option.
    pub fn one(&mut self, name: &str) -> Option<OsString> {
        self.all(name).into_iter().next()
    }

    /// All values of an option whose values are text.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        // It was found to be text when it was read.
        self.all(name).into_iter().map(|value| value.to_string_lossy().into_owned()).collect()
    }

    /// The value of an option whose values are text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.texts(name).into_iter().next()
    }

    /// The words behind the options.
    pub fn words(&mut self) -> Vec<OsString> {
        std::mem::take(&mut self.words)
    }
}

/// Why there is nothing to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    /// Help was asked for.
    Help,
    /// The usage is wrong: what is to be said about it.
    Usage(String),
}

impl Ended {
    /// Wrong usage, said like the parser of the other commands says it.
    pub fn wrong(what: &str, usage: Option<&str>) -> Ended {
        let usage = usage.map_or_else(String::new, |usage| format!("Usage: {usage}\n\n"));
        Ended::Usage(format!("error: {what}\n\n{usage}For more information, try '--help'.\n"))
    }
}

impl Description {
    /// Every option.
    pub fn options(&self) -> impl Iterator<Item = &'static Choice> {
        self.sections.iter().flat_map(|section| section.options).copied().flatten()
    }

    /// Reads words: options up to the first that is none, or up to `--`. What looks like an option and is none is the first
    /// of the others, about which the caller knows more to say.
    ///
    /// # Errors
    /// [`Ended`], if an option is used in a wrong way or asks for help, or if no word is left.
    pub fn read(&self, words: &[OsString]) -> Result<Given, Ended> {
        let wrong = |what: String| Ended::wrong(&what, Some(self.usage));
        let mut given = Given::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            if word == "--help" || word == "-h" {
                return Err(Ended::Help);
            }
            let Some((option, attached)) = self.named(word.as_bytes()) else {
                given.words.push(word.clone());
                break;
            };
            if !option.repeats && given.has(option.name) {
                return Err(wrong(format!("the argument '{}' cannot be used multiple times", option.shown())));
            }
            match (option.values, attached) {
                ([], None) => given.options.push((option.name, OsString::new())),
                ([], Some(value)) => {
                    let value = value.to_string_lossy();
                    return Err(wrong(format!(
                        "unexpected value '{value}' for '{}' found; no more were expected",
                        option.shown()
                    )));
                }
                (values, attached) => {
                    let mut found: Vec<OsString> = attached.into_iter().map(OsStr::to_owned).collect();
                    let more = if found.is_empty() { values.len() } else { 0 };
                    for _ in 0..more {
                        let hyphen = |word: &&OsString| word.as_bytes().starts_with(b"-") && *word != "-";
                        match words.as_slice().first().filter(|word| option.hyphens || !hyphen(word)) {
                            Some(word) => found.push(word.clone()),
                            None => break,
                        }
                        words.next();
                    }
                    match (values.len(), found.len()) {
                        (wanted, count) if wanted == count => {}
                        (1, _) => {
                            let what = format!("a value is required for '{}' but none was supplied", option.shown());
                            return Err(Ended::wrong(&what, None));
                        }
                        (wanted, count) => {
                            let were = if count == 1 { "was" } else { "were" };
                            return Err(wrong(format!(
                                "{wanted} values required for '{}' but {count} {were} provided",
                                option.shown()
                            )));
                        }
                    }
                    for value in found {
                        option.look_at(&value)?;
                        given.options.push((option.name, value));
                    }
                }
            }
        }
        given.words.extend(words.cloned());
        if given.words.is_empty() {
            let what = format!("the following required arguments were not provided:\n  {}", self.words);
            return Err(wrong(what));
        }
        Ok(given)
    }

    /// The option that a word names, and the value that is attached to it.
    fn named<'a>(&self, word: &'a [u8]) -> Option<(&'static Choice, Option<&'a OsStr>)> {
        let word = word.strip_prefix(b"--")?;
        let (name, value) = match word.iter().position(|&byte| byte == b'=') {
            Some(at) => (&word[..at], Some(OsStr::from_bytes(&word[at + 1..]))),
            None => (word, None),
        };
        self.options().find(|option| option.name.as_bytes() == name).map(|option| (option, value))
    }

    /// What `--help` prints.
    pub fn help(&self) -> String {
        let mut out = format!("{}\n\nUsage: {}\n\nArguments:\n", self.about, self.usage);
        let _ = writeln!(out, "  {}  {}", self.words, self.words_help);
        for (i, section) in self.sections.iter().enumerate() {
            let _ = write!(out, "\n{}:\n", section.heading);
            let mut lines: Vec<(String, &str)> = Vec::new();
            for option in section.options.iter().copied().flatten() {
                lines.push((format!("    {}", option.shown()), option.help));
            }
            if i == 0 {
                lines.push(("-h, --help".to_owned(), "Print help"));
            }
            tell(&mut out, &lines);
        }
        let _ = writeln!(out, "\n{}", self.after);
        out
    }
}

impl Choice {
    fn look_at(&self, value: &OsStr) -> Result<(), Ended> {
        let Some(check) = self.check else { return Ok(()) };
        let Some(text) = value.to_str() else {
            return Err(Ended::wrong("invalid UTF-8 was detected in one or more arguments", None));
        };
        let of = |e: String| Ended::wrong(&format!("invalid value '{text}' for '{}': {e}", self.shown()), None);
        if let Names::OneOf(words) = self.names
            && !words.contains(&text)
        {
            return Err(of(format!("it wants {}", words.join(" or "))));
        }
        check(text).map_err(of)
    }
}

/// The widest that a line of help should be, in characters.
const WIDTH: usize = 120;

/// Tells what things are, in two columns, or, where that would be too wide, on two lines each.
pub fn tell(out: &mut String, lines: &[(String, &str)]) {
    let column = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let wide = lines.iter().any(|(_, help)| column + 4 + help.chars().count() > WIDTH + 10);
    for (name, help) in lines {
        let _ = match wide {
            true => write!(out, "  {name}\n          {help}\n"),
            false => writeln!(out, "  {name:column$}  {help}"),
        };
    }
}

/// The word among `known` that was probably meant.
pub fn similar<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = word.chars().count() / 3;
    let far = known.map(|known| (distance(word, known), known)).min_by_key(|(distance, _)| *distance);
    far.filter(|(distance, _)| (1..=most.clamp(1, 3)).contains(distance)).map(|(_, known)| known)
}

/// How many letters have to be put in, left out or changed to make one word the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
