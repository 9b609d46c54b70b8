//! The scripts: their texts, and how one is called. A script is called by its hash,
//! and sent whole when the server does not know it (a new or restarted server).

use redis::{Cmd, ToRedisArgs};

macro_rules! scripts {
    ($($name:ident)*) => {
        /// One of each.
        pub struct Scripts {
            $(pub $name: Script,)*
        }

        impl Scripts {
            /// The scripts as they are; `edit` may change a text (a test breaks them on purpose).
            pub fn new(edit: &dyn Fn(&str, String) -> String) -> Self {
                Scripts {
                    $($name: Script::new(edit(
                        stringify!($name),
                        whole(include_str!(concat!("scripts/", stringify!($name), ".lua"))),
                    )),)*
                }
            }
        }
    };
}
scripts! { start resend check cancel view claim lease begin settle receive take give_back beat turn ping recall
log index find tally opt_out opt_in switch once witness conclude }

/// A script's first line says what it may do, and must stay first.
fn whole(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{first}\n{}\n{rest}", include_str!("scripts/lib.lua"))
}

/// One script.
pub struct Script(redis::Script, String);

impl Script {
    fn new(text: String) -> Self {
        Script(redis::Script::new(&text), text)
    }

    /// Begins a call on these keys, all of one slot.
    pub fn on<K: AsRef<[u8]>>(&self, keys: impl IntoIterator<Item = K>) -> Call<'_> {
        let words: Vec<Vec<u8>> = keys.into_iter().map(|key| key.as_ref().to_vec()).collect();
        Call { script: self, keys: words.len(), words }
    }
}

/// A call with its keys and arguments, ready to be sent more than once.
pub struct Call<'a> {
    script: &'a Script,
    keys: usize,
    words: Vec<Vec<u8>>,
}

impl Call<'_> {
    /// Adds an argument.
    pub fn arg(mut self, value: impl ToRedisArgs) -> Self {
        value.write_redis_args(&mut self.words);
        self
    }

    /// The command: by the script's hash, or with its whole text.
    pub fn command(&self, whole: bool) -> Cmd {
        let mut command = match whole {
            true => redis::cmd("EVAL"),
            false => redis::cmd("EVALSHA"),
        };
        command.arg(if whole { self.script.1.as_str() } else { self.script.0.get_hash() }).arg(self.keys);
        for word in &self.words {
            command.arg(word);
        }
        command
    }
}
