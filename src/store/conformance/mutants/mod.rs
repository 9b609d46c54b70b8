//! Rules that are wrong in one place each, made by wrapping a right one. A suite
//! that does not notice one of them is not worth much.

mod codes;
mod jobs;
mod limits;
mod receipts;

use crate::store::View;
use crate::store::embedded::rules::{Rules, Slot};

macro_rules! broken {
    ($($file:ident { $($rule:ident = $name:ident;)* })*) => {
        vec![$($((
            concat!(stringify!($rule), ": ", stringify!($name)),
            Rules { $rule: $file::$name, ..Rules::default() },
        ),)*)*]
    };
}

/// Every mutant, with the rule that it breaks and how.
pub fn mutants() -> Vec<(&'static str, Rules)> {
    let mut all = broken! {
        codes {
            check = wrong_is_not_counted;
            check = the_last_wrong_one_ends_nothing;
            check = approval_keeps_the_code;
            check = approved_twice;
            check = superseded_is_right;
            check = superseded_is_wrong;
            check = expired_is_right;
            check = lives_a_millisecond_longer;
            check = checked_by_anybody;
            check = approval_stops_nothing;
            check = failure_is_not_noted;
            cancel = canceled_by_anybody;
            cancel = cancel_lets_calls_go_on;
            cancel = cancel_keeps_it_open;
            resend = resent_by_anybody;
            resend = the_old_code_is_forgotten;
            resend = the_new_code_is_ignored;
        }
        limits {
            start = start_is_not_counted;
            start = a_join_waits_like_a_start;
            start = subjects_are_ignored;
            start = open_limit_is_ignored;
            start = open_limit_is_one_more;
            start = the_newest_is_closed;
            start = intervals_end_early;
            start = a_pause_holds_nobody;
            start = a_bad_day_holds_nobody;
            start = other_tenants_do_not_count;
            start = the_callers_clock_counts;
            resend = refused_is_counted;
            resend = resend_is_not_counted;
            resend = one_more_fits_the_window;
        }
        jobs {
            claim = a_claimed_lease_ends_at_once;
            claim = every_claim_shares_a_token;
            expire = nothing_expires;
            expire = expired_keeps_its_secrets;
            expire = expired_keeps_its_queue;
            renew = renewed_by_anybody;
            renew = the_ended_are_renewed;
            begin = begun_by_anybody;
            begin = begun_after_expiry;
            begin = intents_stay_open;
            begin = senders_are_dropped;
            begin = senders_keep_the_old_layout;
            settle = settled_by_anybody;
            settle = later_than_expiry;
            settle = retries_are_not_counted;
            settle = submitted_stays_due;
            settle = the_receipt_is_overwritten;
            settle = another_gives_the_lease_away;
            release = released_by_anybody;
            release = released_is_kept;
        }
        receipts {
            receive = receipts_move_backward;
            receive = repeats_are_news;
            receive = earlier_attempts_fail_it;
            receive = strays_hit_the_last;
            receive = declining_pauses_nothing;
            receive = declining_again_pauses_longer;
            receive = networks_are_ignored;
            receive = another_is_never_tried;
            receive = another_is_tried_after_the_end;
            receive = another_takes_an_answered_call;
            receive = another_waits_for_a_call_that_failed;
            receive = a_submit_in_flight_is_taken_away;
            settle = what_overtook_its_answer_is_let_go;
            receive = another_is_no_retry;
            receive = another_waits_a_while;
            receive = a_repeat_fails_what_goes_on;
            receive = references_are_ignored;
            receive = references_are_replaced;
            settle = the_told_reference_is_forgotten;
            expire = what_goes_on_outlives_its_record;
        }
    };
    all.push(("give_back: nothing is given back", Rules { give_back: false, ..Rules::default() }));
    all
}

/// The rules that a mutant wraps.
fn right() -> Rules {
    Rules::default()
}

/// What a rule would show of its slot.
fn view(slot: &Slot, now: crate::model::Ms) -> Option<View> {
    Some(View { record: slot.record.clone()?, usage: slot.usage.clone(), now, replayed: false })
}
