//! Reads the layers, and finds the line of what is wrong.
//!
//! The operator's file is walked beside the defaults: a key that the defaults do
//! not have is unknown. A value of the right kind that still cannot be read is
//! found by setting each of the operator's values alone over the defaults.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::{Config, DEFAULTS, check};

/// What is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", place(.file, *.line))]
pub struct ConfigError {
    /// The operator's file; `None` for a variable or the defaults.
    pub file: Option<PathBuf>,
    /// The line, from 1; 0 if it is about no single line.
    pub line: usize,
    /// What, and what to do.
    pub problem: String,
}

fn place(file: &Option<PathBuf>, line: usize) -> String {
    match file {
        Some(file) if line > 0 => format!("{}:{line}: ", file.display()),
        Some(file) => format!("{}: ", file.display()),
        None => String::new(),
    }
}

/// A configuration, and what it is well to know about it.
#[derive(Debug)]
pub struct Loaded {
    /// The options.
    pub config: Config,
    /// Options that contradict each other or are risky, a sentence each.
    pub warnings: Vec<String>,
}

/// What may stand in an element of a list or map of tables. `*`: whatever is read there
/// says what may.
const ELEMENTS: &str = r#"
[carriers]
profile = ""
weight = 100
channels = []
countries = []
throughput = ""
cap = ""
region = ""
base_url = ""
speech = ""
machine_detection = false
[carriers.options]
"*" = ""
[carriers.senders]
"*" = ""
[carriers.prices]
currency = ""
[carriers.prices.sms]
"*" = ""
[carriers.prices.voice]
"*" = ""
[carriers.request]
"*" = ""
[carriers.answer]
"*" = ""
[tenants]
name = ""
[keys]
tenant = ""
owner = ""
scopes = []
hash = ""
"#;

/// One value that the operator set: where it belongs, and its line.
struct Leaf {
    path: Vec<String>,
    value: Value,
    line: usize,
}

struct Walk<'a> {
    text: &'a str,
    env: &'a dyn Fn(&str) -> Option<String>,
    leaves: Vec<Leaf>,
}

/// Reads the defaults, the file and the environment, in that order. `env` gives
/// a variable's value, `vars` all `OTP_…__…` variables.
pub fn load(
    file: Option<&Path>,
    env: &dyn Fn(&str) -> Option<String>,
    vars: &[(String, String)],
) -> Result<Loaded, ConfigError> {
    let fail = |line, problem| ConfigError { file: file.map(Into::into), line, problem };
    let text = match file {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|error| fail(0, format!("cannot be read: {error}")))?,
    };
    let defaults: Table = DEFAULTS.parse().map_err(|error: toml::de::Error| fail(0, error.to_string()))?;
    let parsed = DeTable::parse(&text)
        .map_err(|error| fail(error.span().map_or(0, |span| line_of(&text, &span)), error.message().to_owned()))?;
    let mut walk = Walk { text: &text, env, leaves: Vec::new() };
    walk.table(parsed.get_ref(), &schema(&defaults), &mut Vec::new()).map_err(|(line, problem)| fail(line, problem))?;
    let leaves = walk.leaves;
    let mut table = defaults.clone();
    for leaf in &leaves {
        set(&mut table, &leaf.path, leaf.value.clone());
    }
    apply_variables(&mut table, &defaults, vars)?;
    let config = read(table).map_err(|problem| {
        let culprit = leaves.iter().find(|leaf| {
            let mut alone = defaults.clone();
            set(&mut alone, &leaf.path, leaf.value.clone());
            read(alone).is_err()
        });
        fail(culprit.map_or(0, |leaf| leaf.line), problem)
    })?;
    let warnings = check::check(&config).map_err(|(option, problem)| {
        // A tenant may have it from the general options.
        let general = option.splitn(3, '.').last().unwrap_or_default().to_owned();
        let set = |path: &str| leaves.iter().rev().find(|leaf| leaf.path.join(".").starts_with(path));
        fail(set(&option).or_else(|| set(&general)).map_or(0, |leaf| leaf.line), problem)
    })?;
    Ok(Loaded { config, warnings })
}

/// The defaults, with what may stand in the elements of lists and maps.
fn schema(defaults: &Table) -> Table {
    let elements: Table = ELEMENTS.parse().expect("ELEMENTS is TOML");
    let mut schema = defaults.clone();
    schema.extend(elements);
    if let Some(Value::Table(tenant)) = schema.get_mut("tenants") {
        tenant.insert("verification".into(), defaults["verification"].clone());
        let number = Table::from_iter([("number".to_owned(), defaults["limits"]["number"].clone())]);
        tenant.insert("limits".into(), Value::Table(number));
    }
    schema
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    1 + text.as_bytes()[..span.start.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

impl Walk<'_> {
    fn table(&mut self, table: &DeTable<'_>, schema: &Table, path: &mut Vec<String>) -> Result<(), (usize, String)> {
        for (key, value) in table.iter() {
            let (line, name) = (line_of(self.text, &key.span()), key.get_ref().to_string());
            path.push(name.clone());
            let is_map = path.len() == 1 && name == "carriers";
            let is_list = path.len() == 1 && (name == "tenants" || name == "keys");
            match (schema.get(&name), value.get_ref()) {
                (None, found) if schema.contains_key("*") => {
                    let value =
                        self.value(found).map_err(|problem| (line, format!("{}: {problem}", path.join("."))))?;
                    self.leaves.push(Leaf { path: path.clone(), value, line });
                }
                (None, _) => return Err((line, unknown(&path.join("."), schema, &name))),
                (Some(Value::Table(of)), DeValue::Table(inner)) if is_map => {
                    for (key, element) in inner.iter() {
                        path.push(key.get_ref().to_string());
                        let DeValue::Table(element) = element.get_ref() else {
                            return Err((
                                line_of(self.text, &key.span()),
                                format!("{} must be a table", path.join(".")),
                            ));
                        };
                        self.table(element, of, path)?;
                        path.pop();
                    }
                }
                (Some(Value::Table(of)), DeValue::Array(elements)) if is_list => {
                    for (i, element) in elements.iter().enumerate() {
                        let DeValue::Table(element) = element.get_ref() else {
                            return Err((line, format!("{name} must be written as [[{name}]]")));
                        };
                        path.push(i.to_string());
                        self.table(element, of, path)?;
                        path.pop();
                    }
                }
                (Some(Value::Table(of)), DeValue::Table(inner)) if !is_list => self.table(inner, of, path)?,
                (Some(expected), found) => {
                    let kind = kind_of(value);
                    if is_list || expected.type_str() != kind {
                        let expected = if is_list { "array of tables" } else { expected.type_str() };
                        return Err((line, format!("{} must be of type {expected}, not {kind}", path.join("."))));
                    }
                    let value =
                        self.value(found).map_err(|problem| (line, format!("{}: {problem}", path.join("."))))?;
                    self.leaves.push(Leaf { path: path.clone(), value, line });
                }
            }
            path.pop();
        }
        Ok(())
    }

    /// The value with `${NAME}` replaced by the environment.
    fn value(&self, value: &DeValue<'_>) -> Result<Value, String> {
        Ok(match value {
            DeValue::String(text) => Value::String(self.expand(text)?),
            DeValue::Array(items) => {
                Value::Array(items.iter().map(|item| self.value(item.get_ref())).collect::<Result<_, _>>()?)
            }
            DeValue::Boolean(yes) => Value::Boolean(*yes),
            DeValue::Integer(number) => {
                Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).map_err(|e| e.to_string())?)
            }
            DeValue::Table(fields) => {
                let mut table = Table::new();
                for (name, value) in fields.iter() {
                    table.insert(name.get_ref().to_string(), self.value(value.get_ref())?);
                }
                Value::Table(table)
            }
            _ => return Err("is not a text, number, true or false, or a list or table of them".into()),
        })
    }

    fn expand(&self, text: &str) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').ok_or("has ${ without }")?;
            out.push_str(before);
            out.push_str(&(self.env)(name).ok_or_else(|| format!("the environment has no variable {name}; set it"))?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn kind_of(value: &Spanned<DeValue<'_>>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "string",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "float",
        DeValue::Boolean(_) => "boolean",
        DeValue::Datetime(_) => "datetime",
        DeValue::Array(_) => "array",
        DeValue::Table(_) => "table",
    }
}

fn unknown(path: &str, schema: &Table, name: &str) -> String {
    let nearest = schema.keys().map(|key| (distance(key, name), key)).min().filter(|(far, _)| *far <= 3);
    match nearest {
        Some((_, key)) => format!("unknown option {path}, did you mean {key}?"),
        None => {
            let known = schema.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            format!("unknown option {path}, here may stand: {known}")
        }
    }
}

/// Levenshtein distance, for "did you mean".
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let cost = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[row.len() - 1]
}

/// Sets a value at a path, making tables and list elements on the way.
fn set(table: &mut Table, path: &[String], value: Value) {
    let [head, rest @ ..] = path else { return };
    match rest {
        [] => {
            table.insert(head.clone(), value);
        }
        [index, inner @ ..] if head == "tenants" || head == "keys" => {
            let list = table.entry(head.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let (Value::Array(list), Ok(index)) = (list, index.parse::<usize>()) {
                while list.len() <= index {
                    list.push(Value::Table(Table::new()));
                }
                if let Some(element) = list[index].as_table_mut() {
                    set(element, inner, value);
                }
            }
        }
        _ => {
            let inner = table.entry(head.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                set(inner, rest, value);
            }
        }
    }
}

/// `OTP_SERVER__LISTEN=…` sets `server.listen`; the kind is the default's.
fn apply_variables(table: &mut Table, defaults: &Table, vars: &[(String, String)]) -> Result<(), ConfigError> {
    for (name, text) in vars {
        let fail = |problem: String| ConfigError { file: None, line: 0, problem: format!("{name}: {problem}") };
        let Some(option) = name.strip_prefix("OTP_").filter(|rest| rest.contains("__")) else { continue };
        let path: Vec<String> = option.to_lowercase().split("__").map(str::to_owned).collect();
        let default = path.iter().try_fold(&Value::Table(defaults.clone()), |at, key| at.get(key)).cloned();
        let value = match default {
            Some(Value::String(_)) => Value::String(text.clone()),
            Some(Value::Integer(_)) => Value::Integer(text.parse().map_err(|_| fail("must be a whole number".into()))?),
            Some(Value::Boolean(_)) => Value::Boolean(text.parse().map_err(|_| fail("must be true or false".into()))?),
            Some(Value::Array(default)) => Value::Array(list(text, &default).map_err(fail)?),
            _ => return Err(fail(format!("sets {}, which is no option", path.join(".")))),
        };
        set(table, &path, value);
    }
    Ok(())
}

/// A list in a variable: items parted by commas; nothing is the empty list.
fn list(text: &str, default: &[Value]) -> Result<Vec<Value>, String> {
    let item = |item: &str| match default.first() {
        Some(Value::Integer(_)) => item.parse().map(Value::Integer).map_err(|_| "must be whole numbers".to_owned()),
        _ => Ok(Value::String(item.to_owned())),
    };
    text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(item).collect()
}

/// Reads the whole; each tenant's options stand over the general ones.
fn read(mut table: Table) -> Result<Config, String> {
    let general = table.clone();
    if let Some(Value::Array(tenants)) = table.get_mut("tenants") {
        for tenant in tenants.iter_mut().filter_map(Value::as_table_mut) {
            let over = std::mem::take(tenant);
            tenant.insert("verification".into(), general["verification"].clone());
            let number = Table::from_iter([("number".to_owned(), general["limits"]["number"].clone())]);
            tenant.insert("limits".into(), Value::Table(number));
            merge(tenant, over);
        }
    }
    // Unknown options were found with their line; this finds wrong values.
    Config::deserialize(table).map_err(|error| error.to_string().trim_end().replace('\n', " "))
}

fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
