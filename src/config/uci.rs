//! Codec: UCI text as libuci reads it, into sections with their lines. Never knows what an option means.
//!
//! A statement is a line, or part of one up to `;`. Words are bare or quoted; pieces that touch are one word
//! (`'it'"'"'s'`). Backslash takes the next character as it is, outside quotes and inside double ones; before a line's end
//! it joins the next line. Quoted text may span lines. `#` begins a comment outside quotes, even inside a word.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

/// A `config TYPE 'NAME'` and what follows it. A name used twice is one section, as in libuci.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    /// Line of its first `config`.
    pub line: u32,
    /// Its type.
    pub kind: String,
    /// Its name; `None` for an anonymous section.
    pub name: Option<String>,
    /// Its options and lists in file order, repetitions included.
    pub entries: Vec<Entry>,
}

/// One `option` or `list` line. No `Debug`: its value may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its line; 0 when the command line said it.
    pub line: u32,
    /// The option's name.
    pub name: String,
    /// Written as `list`.
    pub list: bool,
    /// The value; empty means "not set", as in libuci.
    pub value: String,
}

/// Why a statement cannot be read. It is left out and reading goes on with the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A quoted text has no end.
    OpenQuote,
    /// The first word is none of the four.
    NoStatement,
    /// The type, the name or the option's name is missing.
    TooShort,
    /// Something stands behind the last word: most often a value with blanks and without quotes.
    TooLong,
    /// A name holds something other than letters, digits and `_`.
    BadName,
    /// `option` or `list` before the first `config`.
    NoSection,
    /// A section of another type has this name.
    OtherType,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Fault::OpenQuote => "the quote that opens here is never closed",
            Fault::NoStatement => "a line starts with package, config, option, list or #",
            Fault::TooShort => "a name is missing on this line",
            Fault::TooLong => {
                "there is more on this line than a name and a value; put the value in quotes"
            }
            Fault::BadName => "a name may hold letters, digits and _ only",
            Fault::NoSection => "an option belongs below a config line",
            Fault::OtherType => {
                "a section of another type has the same name; its options are ignored"
            }
        })
    }
}

/// Reads a whole file: its sections, and each statement that could not be read with its line.
pub fn parse(text: &str) -> (Vec<Section>, Vec<(u32, Fault)>) {
    let mut words = Words::new(text);
    let mut file = File::default();
    let mut faults = Vec::new();
    while let Some((line, statement)) = words.statement() {
        if let Err(fault) = statement.and_then(|statement| file.add(line, statement)) {
            faults.push((line, fault));
        }
    }
    (file.sections, faults)
}

/// Where an `option` line goes.
#[derive(Default)]
enum Place {
    #[default]
    Nowhere,
    Section(usize),
    /// Below a `config` line that was refused: one fault is enough.
    Ignored,
}

#[derive(Default)]
struct File {
    sections: Vec<Section>,
    place: Place,
}

impl File {
    fn add(&mut self, line: u32, statement: Vec<String>) -> Result<(), Fault> {
        let mut words = statement.into_iter();
        let first = words.next().unwrap_or_default();
        let (name, value) = (words.next(), words.next());
        let long = words.next().is_some();
        // libuci takes the first letter alone, too.
        match first.as_str() {
            "package" | "p" => match (name, value) {
                (None, _) => Err(Fault::TooShort),
                (Some(_), None) => Ok(()),
                (Some(_), Some(_)) => Err(Fault::TooLong),
            },
            "config" | "c" => {
                self.place = Place::Ignored;
                let kind = name.ok_or(Fault::TooShort)?;
                let name = value.filter(|name| !name.is_empty());
                self.place = self.open(line, kind, name)?;
                if long { Err(Fault::TooLong) } else { Ok(()) }
            }
            "option" | "o" | "list" | "l" => self.set(Entry {
                line,
                name: name.ok_or(Fault::TooShort)?,
                list: first.starts_with('l'),
                value: if long {
                    return Err(Fault::TooLong);
                } else {
                    value.unwrap_or_default()
                },
            }),
            _ => Err(Fault::NoStatement),
        }
    }

    fn open(&mut self, line: u32, kind: String, name: Option<String>) -> Result<Place, Fault> {
        // libuci takes any visible character in a type, but not in a name.
        let visible = kind.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || name.as_deref().is_some_and(|name| !is_name(name)) {
            return Err(Fault::BadName);
        }
        let known = name.is_some().then(|| {
            self.sections
                .iter()
                .position(|section| section.name == name)
        });
        if let Some(index) = known.flatten() {
            let same = self
                .sections
                .get(index)
                .is_some_and(|section| section.kind == kind);
            return if same {
                Ok(Place::Section(index))
            } else {
                Err(Fault::OtherType)
            };
        }
        self.sections.push(Section {
            line,
            kind,
            name,
            entries: Vec::new(),
        });
        Ok(Place::Section(self.sections.len() - 1))
    }

    fn set(&mut self, entry: Entry) -> Result<(), Fault> {
        if !is_name(&entry.name) {
            return Err(Fault::BadName);
        }
        match self.place {
            Place::Nowhere => Err(Fault::NoSection),
            Place::Ignored => Ok(()),
            Place::Section(index) => {
                if let Some(section) = self.sections.get_mut(index) {
                    section.entries.push(entry);
                }
                Ok(())
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Cuts text into statements of words.
#[derive(Clone)]
struct Words<'t> {
    rest: Peekable<Chars<'t>>,
    line: u32,
}

impl<'t> Words<'t> {
    fn new(text: &'t str) -> Words<'t> {
        // Editors on Windows put a byte order mark in front.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Words {
            rest: text.chars().peekable(),
            line: 1,
        }
    }

    fn take(&mut self) -> Option<char> {
        let next = self.rest.next();
        if next == Some('\n') {
            self.line = self.line.saturating_add(1);
        }
        next
    }

    fn skip_line(&mut self) {
        while self.rest.peek().is_some_and(|&next| next != '\n') {
            self.take();
        }
    }

    /// The next statement that is not empty, with its line; `None` at the end.
    fn statement(&mut self) -> Option<(u32, Result<Vec<String>, Fault>)> {
        while self
            .rest
            .next_if(|next| next.is_whitespace() && *next != '\n')
            .is_some()
            || matches!(self.rest.peek(), Some('\n' | ';' | '#'))
        {
            match self.rest.peek() {
                Some('\n' | ';') => drop(self.take()),
                Some('#') => self.skip_line(),
                Some(_) | None => {}
            }
        }
        self.rest.peek()?;
        let (line, before) = (self.line, self.clone());
        let words = self.words();
        if words.is_err() {
            // An open quote has eaten the rest of the file: give it back from the next line on.
            *self = before;
            self.skip_line();
        }
        Some((line, words))
    }

    fn words(&mut self) -> Result<Vec<String>, Fault> {
        let mut words = Vec::new();
        loop {
            match self.rest.peek() {
                None | Some('\n' | ';') => return Ok(words),
                Some('#') => self.skip_line(),
                Some(next) if next.is_whitespace() => drop(self.take()),
                Some(_) => words.push(self.word()?),
            }
        }
    }

    fn word(&mut self) -> Result<String, Fault> {
        let mut word = String::new();
        while let Some(&next) = self.rest.peek() {
            match next {
                '#' | ';' => break,
                space if space.is_whitespace() => break,
                '\'' | '"' => self.quoted(&mut word)?,
                '\\' => {
                    self.take();
                    self.escaped(&mut word);
                }
                other => {
                    self.take();
                    word.push(other);
                }
            }
        }
        Ok(word)
    }

    fn quoted(&mut self, word: &mut String) -> Result<(), Fault> {
        let quote = self.take();
        loop {
            match self.take() {
                None => return Err(Fault::OpenQuote),
                end if end == quote => return Ok(()),
                Some('\\') if quote == Some('"') => self.escaped(word),
                Some('\r') if self.rest.peek() == Some(&'\n') => {}
                Some(other) => word.push(other),
            }
        }
    }

    /// What follows a backslash: a line's end vanishes, anything else stands for itself.
    fn escaped(&mut self, word: &mut String) {
        if self.rest.next_if_eq(&'\r').is_some() && self.rest.peek() != Some(&'\n') {
            word.push('\r');
            return;
        }
        match self.take() {
            None | Some('\n') => {}
            Some(other) => word.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `type name: option=value list+=value …`, one section a line.
    fn shown(text: &str) -> String {
        let (sections, faults) = parse(text);
        assert_eq!(faults, [], "{text}");
        let entry = |entry: &Entry| {
            let sign = if entry.list { "+=" } else { "=" };
            format!(" {}{sign}{}", entry.name, entry.value)
        };
        let section = |section: &Section| {
            let name = section.name.as_deref().unwrap_or("-");
            let entries: String = section.entries.iter().map(entry).collect();
            format!("{} {name}:{entries}\n", section.kind)
        };
        sections.iter().map(section).collect()
    }

    fn faults(text: &str) -> Vec<(u32, Fault)> {
        parse(text).1
    }

    #[test]
    fn sections_options_and_lists_are_read() {
        let text = "package rut-agent\n\n# a comment\nconfig agent 'agent'\n\toption log_level 'debug' # why\n\
                    config to_http\n\tlist tel '+1'\n\tlist tel \"+2\"\n";
        assert_eq!(
            shown(text),
            "agent agent: log_level=debug\nto_http -: tel+=+1 tel+=+2\n"
        );
    }

    #[test]
    fn quotes_escapes_and_touching_pieces_make_one_word() {
        let value = |written: &str| {
            shown(&format!("config a\noption x {written}\n"))
                .trim_start_matches("a -: x=")
                .trim_end_matches('\n')
                .to_owned()
        };
        assert_eq!(value("'a b'"), "a b");
        assert_eq!(value("\"a b\""), "a b");
        assert_eq!(value(r#"'it'"'"'s'"#), "it's");
        assert_eq!(value(r"'it'\''s'"), "it's");
        assert_eq!(value(r#""say \"hi\" \\ \n""#), r#"say "hi" \ n"#);
        assert_eq!(value(r"'C:\new'"), r"C:\new");
        assert_eq!(value(r"a\ b\#c"), "a b#c");
        assert_eq!(value("ab#cd"), "ab");
        assert_eq!(value("'ab#cd;e'"), "ab#cd;e");
        assert_eq!(value("ab\\\ncd"), "abcd");
        assert_eq!(value("\"ab\\\r\ncd\""), "abcd");
        assert_eq!(value("'two\r\nlines'"), "two\nlines");
        assert_eq!(value("''"), "");
        assert_eq!(value(""), "");
        assert_eq!(value("'žluť'"), "žluť");
    }

    #[test]
    fn crlf_semicolons_single_letters_and_a_byte_order_mark_are_taken() {
        assert_eq!(
            shown("\u{feff}config a 'b'\r\n\toption x '1'\r\n"),
            "a b: x=1\n"
        );
        assert_eq!(shown("c a b; o x 1; l y 2"), "a b: x=1 y+=2\n");
    }

    #[test]
    fn a_name_used_twice_is_one_section_unless_the_type_differs() {
        let text = "config a 'n'\noption x '1'\nconfig b\nconfig a 'n'\noption y '2'\n";
        assert_eq!(shown(text), "a n: x=1 y=2\nb -:\n");
        assert_eq!(
            faults("config a 'n'\nconfig b 'n'\noption y '2'\n"),
            [(2, Fault::OtherType)]
        );
    }

    #[test]
    fn every_fault_has_its_line_and_the_rest_is_still_read() {
        let text = "option x '1'\nconfig\nconfig a b-c\nconfig a 'ok'\noption two words here\nopton x '1'\n\
                    option 'x y' '1'\noption open 'never\nlist z '3'\npackage\n";
        assert_eq!(
            faults(text),
            [
                (1, Fault::NoSection),
                (2, Fault::TooShort),
                (3, Fault::BadName),
                (5, Fault::TooLong),
                (6, Fault::NoStatement),
                (7, Fault::BadName),
                (8, Fault::OpenQuote),
                (10, Fault::TooShort),
            ]
        );
        assert_eq!(
            faults("config a\noption x 'open\n"),
            [(2, Fault::OpenQuote)]
        );
    }

    #[test]
    fn lines_are_counted_through_comments_and_quoted_line_ends() {
        let (sections, _) =
            parse("#\n\nconfig a\n option x 'one\ntwo'\n option y \\\n1\n option z 2");
        let lines: Vec<u32> = sections
            .iter()
            .flat_map(|section| section.entries.iter().map(|entry| entry.line))
            .collect();
        assert_eq!(lines, [4, 6, 8]);
    }

    #[test]
    fn a_file_cut_anywhere_and_rubbish_never_panic() {
        let whole = "config a 'b'\n\toption x 'it'\\''s' # c\n\tlist y \"q\\\"\"\r\n;\\";
        for end in (0..=whole.len()).filter(|&end| whole.is_char_boundary(end)) {
            let (sections, _) = parse(&whole[..end]);
            assert!(sections.len() <= 1);
        }
        let mut seed = 7_u32;
        for _ in 0..2000 {
            let rubbish: String = (0..40)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let set = [
                        '\'', '"', '\\', '\n', '\r', ' ', '#', ';', 'c', 'o', 'l', 'ž',
                    ];
                    set[(seed >> 16) as usize % set.len()]
                })
                .collect();
            let lines = u32::try_from(rubbish.matches('\n').count()).unwrap() + 1;
            assert!(faults(&rubbish).iter().all(|&(line, _)| line <= lines));
        }
    }
}
