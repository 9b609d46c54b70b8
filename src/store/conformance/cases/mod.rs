//! The told cases: each is a small story about one promise, on a store of its
//! own. Promises that hold until something happens use long times, so that a
//! slow store is not taken for a wrong one; what has to pass takes 50 to 500 ms.

mod another;
mod archive;
mod checks;
mod consents;
mod ends;
mod evidence;
mod facts;
mod fleet;
mod joins;
mod leases;
mod limits;
mod memos;
mod outcomes;
mod receipts;
mod starts;
mod wide;

use std::pin::Pin;
use std::sync::Arc;

use super::failure::{Failure, Told, run};
use super::world::World;
use super::{Harness, Harnesses};

type Story = for<'a> fn(&'a World) -> Pin<Box<dyn Future<Output = Told> + Send + 'a>>;

macro_rules! stories {
    ($($file:ident: $($name:ident)*;)*) => {
        &[$($((
            concat!(stringify!($file), "::", stringify!($name)),
            (|world| Box::pin($file::$name(world))) as Story,
        ),)*)*]
    };
}

const STORIES: &[(&str, Story)] = stories! {
    starts: creates_and_leases keeps_what_it_was_given a_refusal_changes_nothing the_fourth_closes_the_oldest
        what_has_ended_makes_room messages_take_no_room a_closed_one_leaves_what_a_carrier_has unknown_ids_are_told
        strangers_find_nothing resend_adds_a_delivery;
    joins: by_subject only_the_same_subject_of_the_same waiting a_join_is_no_start racing_starts_make_one;
    limits: sms_interval voice_interval channels_have_their_own_interval deliveries all_tenants
        day_of_many_deliveries day_of_wrong_codes_ends pause_ends the_longest_wait_is_told resends_wait_too
        passes_when_told racing_starts_stay_within;
    checks: right_once wrong_ones_count the_last_wrong_one_ends_it superseded_is_not_counted
        a_resend_keeps_the_code expired_is_told_apart approval_erases_everything approval_stops_what_is_queued
        racing_right_checks racing_wrong_checks a_message_has_nothing_to_check;
    memos: start_is_replayed resend_is_replayed check_is_replayed kept_answers_need_no_record other_body refusals_are_not_kept
        kept_no_longer racing_starts_make_one racing_wrong_checks_count_once;
    leases: only_what_is_due not_before_its_end another_takes_it_and_fences renewed_is_kept
        of_a_dead_owner_is_still_his claims_stay_within_their_limit racing_claims_share release_frees_at_once;
    outcomes: intents_are_written submitted submitted_and_held failed_then_another failed_then_later
        failed_for_good unknown_fate nothing_was_made later_than_expiry_fails an_unsettled_intent_is_unknown
        nothing_begins_after_the_end;
    receipts: only_forward repeats_are_the_same a_final_state_stays late_ones_for_earlier_attempts
        unknown_attempts overtaking_delivered overtaking_failure overtaking_ring declined_pauses_starts
        declined_twice_pauses_once network_is_noted;
    another: is_due_at_once nobody_is_left repeats_change_nothing a_worker_judges a_call_that_failed_goes_on
        an_answered_call_ends the_ended_get_none
        what_is_due_ends_with_its_record only_the_last_attempt_counts references_are_told senders_are_kept
        a_covered_one_is_looked_at_again what_has_ended_is_covered_no_more doubted_success_is_its_attempts_alone
        a_covered_one_whose_carriers_all_failed_has_failed what_is_asked_for_ends_a_cover_that_is_under_way;
    ends: cancel_hangs_up cancel_twice cancel_leaves_what_is_with_a_carrier expired_are_swept
        swept_once_due_or_not wakes_are_told;
    wide: all_or_none give_back_is_exact until_is_exact_enough never_above_the_count
        spans_and_keys_count_apart racing_takes_stay_within;
    archive: newest_first each_kind_replaces_its_own kept_no_longer what_is_too_long_is_left_out
        racing_entries_all_stay names_lead_to_attempts early_reports_are_parked a_name_may_be_used_again
        no_early_report_is_lost counters_add_up racing_counts_add_up;
    consents: by_number_tenant_and_channel the_first_time_stands lifted_as_told racing_ones_all_stand;
    evidence: batches_stand_in_order a_repeat_counts_once racing_batches_all_stand the_latest_state_is_kept;
    fleet: breakers_are_seen one_of_all a_lowered_pace_holds;
    facts: written_once replaced racing_facts answers_a_ping;
};

async fn tell(harnesses: Arc<dyn Harnesses>, name: &'static str, story: Story) -> Told {
    let harness: Arc<dyn Harness> = harnesses.fresh().await;
    let world = World::new(harness, name).await?;
    story(&world).await
}

/// Runs every case, `at_once` of them at a time, and returns what failed.
pub async fn cases(harnesses: Arc<dyn Harnesses>, at_once: usize) -> Vec<Failure> {
    let jobs = STORIES.iter().map(|(name, story)| (name.to_string(), tell(harnesses.clone(), name, *story)));
    run(jobs, at_once).await
}
