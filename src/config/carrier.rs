//! The options of one carrier: what is the operator's own, beside its profile.
#![allow(missing_docs, reason = "config/default.toml documents each option, and is what operators read")]

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::CountryList;
use super::options::Speech;
use crate::model::{Channel, Country, Currency, LimitSpec, Money, Secret, Sender};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarrierOptions {
    pub profile: String,
    #[serde(default = "full_weight")]
    pub weight: u32,
    #[serde(default = "both_channels")]
    pub channels: Vec<Channel>,
    #[serde(default = "everywhere")]
    pub countries: CountryList,
    #[serde(default, deserialize_with = "optional_limit")]
    pub throughput: Option<LimitSpec>,
    #[serde(default, deserialize_with = "optional_limit")]
    pub cap: Option<LimitSpec>,
    #[serde(default)]
    pub region: String,
    #[serde(default)]
    pub base_url: String,
    #[serde(default)]
    pub speech: Speech,
    #[serde(default)]
    pub machine_detection: bool,
    #[serde(default, deserialize_with = "secrets")]
    pub options: BTreeMap<String, Secret<String>>,
    #[serde(default)]
    pub senders: Places<Senders>,
    #[serde(default)]
    pub prices: Prices,
    #[serde(default)]
    pub request: Unprinted,
    #[serde(default)]
    pub answer: Unprinted,
}

impl CarrierOptions {
    /// One of `profile` with everything else at its default.
    pub fn of(profile: &str, weight: u32) -> Self {
        let table = toml::Table::from_iter([("profile".to_owned(), toml::Value::from(profile))]);
        let options: Self = table.try_into().expect("everything else has a default");
        CarrierOptions { weight, ..options }
    }

    /// Whom the person sees in a country: the senders of that country, else the default
    /// ones; empty is the carrier's own choice.
    pub fn senders(&self, country: Country) -> &[Sender] {
        self.senders.of(country).map_or(&[], |senders| &senders.0)
    }

    /// What a submit costs by country, by the operator's list.
    pub fn prices(&self, channel: Channel) -> Places<Money> {
        let list = match channel {
            Channel::Sms => &self.prices.sms,
            Channel::Voice => &self.prices.voice,
        };
        let price = |amount: &String| Money::new(amount, Currency::new(&self.prices.currency)?);
        Places(list.0.iter().filter_map(|(place, amount)| Some((*place, price(amount)?))).collect())
    }
}

/// A table that may hold secrets, so it is not printed.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Unprinted(pub toml::Table);

impl std::fmt::Debug for Unprinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a table of {}", self.0.len())
    }
}

/// Something per country, with a default.
#[derive(Debug, Clone, PartialEq)]
pub struct Places<T>(BTreeMap<Option<Country>, T>);

impl<T> Default for Places<T> {
    fn default() -> Self {
        Places(BTreeMap::new())
    }
}

impl<T> Places<T> {
    /// What counts in a country.
    pub fn of(&self, country: Country) -> Option<&T> {
        self.0.get(&Some(country)).or_else(|| self.0.get(&None))
    }

    /// All of them.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.values()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Places<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let wrong = serde::de::Error::custom;
        let place = |(name, value): (String, T)| match name.as_str() {
            "default" => Ok((None, value)),
            _ => match Country::new(&name) {
                Some(country) => Ok((Some(country), value)),
                None => Err(wrong(format!("{name:?} is neither a two-letter country such as \"JP\" nor \"default\""))),
            },
        };
        BTreeMap::deserialize(d)?.into_iter().map(place).collect::<Result<_, _>>().map(Places)
    }
}

/// One sender or several that share the traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Senders(pub Vec<Sender>);

impl<'de> Deserialize<'de> for Senders {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(d)? {
            toml::Value::Array(list) => list.into_iter().map(toml::Value::try_into).collect::<Result<_, _>>(),
            one => one.try_into().map(|sender| vec![sender]),
        }
        .map(Senders)
        .map_err(|error: toml::de::Error| serde::de::Error::custom(error.message()))
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    #[serde(default = "dollar")]
    pub currency: String,
    #[serde(default)]
    pub sms: Places<String>,
    #[serde(default)]
    pub voice: Places<String>,
}

impl Default for Prices {
    fn default() -> Self {
        Prices { currency: dollar(), sms: Places::default(), voice: Places::default() }
    }
}

fn dollar() -> String {
    "USD".into()
}

fn secrets<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, Secret<String>>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(d)?;
    Ok(texts.into_iter().map(|(name, text)| (name, Secret::new(text))).collect())
}

fn full_weight() -> u32 {
    100
}

fn both_channels() -> Vec<Channel> {
    Channel::ALL.to_vec()
}

fn everywhere() -> CountryList {
    CountryList::All
}

/// `0.50 EUR`; nothing is none.
pub fn optional_money<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Money>, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    let money = text.split_once(' ').and_then(|(amount, currency)| Money::new(amount, Currency::new(currency.trim())?));
    let money = money.filter(|money| money.micros > 0);
    money.map(Some).ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no amount such as \"0.50 EUR\"")))
}

fn optional_limit<'de, D: Deserializer<'de>>(d: D) -> Result<Option<LimitSpec>, D::Error> {
    match String::deserialize(d)?.as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}
