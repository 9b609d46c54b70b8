//! What a person can do whose code did not arrive.

use super::Verifications;
use crate::model::Locale;
use crate::store::View;
use crate::template::Help;

impl Verifications {
    /// Troubleshooting for the verification's country, with the steps for its
    /// last failure first.
    pub fn help(&self, view: &View, locale: Option<&Locale>) -> Help {
        let record = &view.record;
        let cause = record.deliveries.iter().rev().find_map(|delivery| delivery.cause);
        self.templates.help(Some(record.to.country), locale.unwrap_or(&record.locale), cause)
    }
}
