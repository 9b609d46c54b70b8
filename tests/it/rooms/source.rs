//! Reads Rust as tokens, so that nothing escapes: a path in a macro, an attribute
//! or a string of one is found like a path in a `use`.

use std::collections::BTreeSet;
use std::path::Path;

use syn::buffer::{Cursor, TokenBuffer};

/// The library's name, by which `main.rs` knows it.
const LIBRARY: &str = "otp_gateway";
/// What the type of a `static` may be made of, beside constants: it cannot change.
const PLAIN: [&str; 17] = [
    "str", "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    "f32", "f64",
];

/// The module that a file is: `src/store/embedded/mod.rs` is `store`, `embedded`; `lib.rs` is none.
pub fn module_of(path: &Path) -> Vec<String> {
    let path = path.strip_prefix("src").expect("it is below src/").with_extension("");
    let names = path.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "mod" && name != "lib").collect()
}

/// What one file holds.
#[derive(Default)]
pub struct Source {
    /// Paths outside its module, from the root of the crate; `*` is everything there.
    pub imports: BTreeSet<Vec<String>>,
    /// What hides imports from this reader.
    pub hidden: Vec<String>,
    /// State of the whole process.
    pub states: Vec<String>,
    module: Vec<String>,
}

impl Source {
    pub fn read(text: &str, module: &[String]) -> Result<Self, syn::Error> {
        syn::parse_file(text)?;
        let mut source = Source { module: module.to_vec(), ..Source::default() };
        source.text(text);
        Ok(source)
    }

    /// Reads a text, if it is one of Rust's tokens.
    fn text(&mut self, text: &str) {
        if let Ok(tokens) = text.parse() {
            self.tokens(TokenBuffer::new2(tokens).begin(), false);
        }
    }

    fn tokens(&mut self, mut rest: Cursor, in_attribute: bool) {
        while !rest.eof() {
            rest = if let Some((_, after)) = rest.lifetime() {
                after
            } else if let Some((word, after)) = word(rest) {
                self.word(&word, after)
            } else if let Some(after) = punct(rest, '#') {
                self.attribute(after)
            } else if let Some((literal, after)) = rest.literal() {
                if let Some(text) = literal.to_string().strip_prefix('"').filter(|_| in_attribute) {
                    self.text(text.trim_end_matches('"'));
                }
                after
            } else if let Some((inner, _, _, after)) = rest.any_group() {
                self.tokens(inner, in_attribute);
                after
            } else {
                next(rest)
            };
        }
    }

    /// After `#`: a documentation comment imports nothing, whatever it mentions.
    fn attribute<'a>(&mut self, rest: Cursor<'a>) -> Cursor<'a> {
        let rest = punct(rest, '!').unwrap_or(rest);
        let Some((inner, _, _, after)) = rest.any_group() else { return rest };
        match word(inner) {
            Some((name, value)) if name == "doc" && punct(value, '=').is_some() => {}
            Some((name, value)) if name == "path" && punct(value, '=').is_some() => {
                self.hidden.push("#[path] puts a module where its name does not say".into());
            }
            _ => self.tokens(inner, true),
        }
        after
    }

    /// After a word: reads what belongs to it.
    fn word<'a>(&mut self, name: &str, rest: Cursor<'a>) -> Cursor<'a> {
        match name {
            "mod" => {
                let Some((name, after)) = word(rest) else { return rest };
                let Some((inner, _, _, after)) = after.any_group() else { return after };
                self.module.push(name);
                self.tokens(inner, false);
                self.module.pop();
                after
            }
            // `pub(in crate::store)` says who may look in.
            "pub" => match rest.any_group() {
                Some((inner, _, _, after)) if word(inner).is_some_and(|(first, _)| first == "in") => after,
                _ => rest,
            },
            "extern" if word(rest).is_some_and(|(next, _)| next == "crate") => {
                self.hidden.push("extern crate gives a crate another name".into());
                word(rest).map_or(rest, |(_, after)| after)
            }
            "include" if punct(rest, '!').is_some() => {
                self.hidden.push("include! brings in text that is not read here".into());
                rest
            }
            "static" => {
                self.state(rest);
                rest
            }
            "thread_local" | "lazy_static" if punct(rest, '!').is_some() => {
                self.states.push(format!("{name}!"));
                rest
            }
            "crate" | "self" | "super" | LIBRARY => match colons(rest) {
                Some(after) => self.path(vec![name.to_owned()], after),
                None => {
                    if matches!(name, "crate" | LIBRARY) && word(rest).is_some_and(|(next, _)| next == "as") {
                        self.import(&[name.to_owned()]);
                    }
                    rest
                }
            },
            _ => rest,
        }
    }

    /// After `::`: what may follow in a path or a `use`.
    fn path<'a>(&mut self, mut start: Vec<String>, rest: Cursor<'a>) -> Cursor<'a> {
        if let Some((name, after)) = word(rest) {
            start.push(name);
            if let Some(next) = colons(after) {
                return self.path(start, next);
            }
            self.import(&start);
            after
        } else if let Some(after) = punct(rest, '*') {
            start.push("*".into());
            self.import(&start);
            after
        } else if let Some((mut inner, _, _, after)) = rest.any_group() {
            while !inner.eof() {
                inner = self.path(start.clone(), inner);
                while !inner.eof() && punct(inner, ',').is_none() {
                    inner = next(inner);
                }
                inner = punct(inner, ',').unwrap_or(inner);
            }
            after
        } else {
            // `::<T>`, or a name that a macro fills in.
            self.import(&start);
            rest
        }
    }

    fn import(&mut self, path: &[String]) {
        let from_root = matches!(path[0].as_str(), "crate" | LIBRARY);
        let mut at = if from_root { Vec::new() } else { self.module.clone() };
        for name in path.iter().skip(usize::from(from_root)) {
            match name.as_str() {
                "self" => {}
                "super" if at.pop().is_none() => self.hidden.push(format!("{} leaves the crate", path.join("::"))),
                "super" => {}
                _ => at.push(name.clone()),
            }
        }
        if at.is_empty() {
            at.push("*".into());
        }
        if self.module.first() != at.first() {
            self.imports.insert(at);
        }
    }

    /// After `static`: a name and a type.
    fn state(&mut self, rest: Cursor) {
        let mut words = Vec::new();
        let mut at = rest;
        while !at.eof() && punct(at, '=').is_none() && punct(at, ';').is_none() {
            words_of(at, &mut words);
            at = next(at);
        }
        let is_constant =
            |word: &String| word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if !words.iter().all(|word| PLAIN.contains(&word.as_str()) || is_constant(word)) {
            self.states.push(format!("static {} is not plain data", words.join(" ")));
        }
    }
}

/// The words of the next token.
fn words_of(at: Cursor, words: &mut Vec<String>) {
    if at.lifetime().is_some() {
    } else if let Some((word, _)) = word(at) {
        words.push(word);
    } else if let Some((mut inner, _, _, _)) = at.any_group() {
        while !inner.eof() {
            words_of(inner, words);
            inner = next(inner);
        }
    }
}

/// Past the next token.
fn next(at: Cursor<'_>) -> Cursor<'_> {
    let lifetime = at.lifetime().map(|(_, after)| after);
    lifetime.or_else(|| at.token_tree().map(|(_, after)| after)).expect("it is not the end")
}

fn word(at: Cursor<'_>) -> Option<(String, Cursor<'_>)> {
    at.ident().map(|(word, after)| (word.to_string().trim_start_matches("r#").to_owned(), after))
}

fn punct(at: Cursor<'_>, mark: char) -> Option<Cursor<'_>> {
    at.punct().filter(|(punct, _)| punct.as_char() == mark).map(|(_, after)| after)
}

fn colons(at: Cursor<'_>) -> Option<Cursor<'_>> {
    punct(at, ':').and_then(|at| punct(at, ':'))
}
