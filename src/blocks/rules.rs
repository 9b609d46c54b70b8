//! Every threshold and constant of the radar and of the choice, with its unit and its
//! reason. Times are milliseconds, scores are nats (natural logarithms of odds).

use serde::{Deserialize, Serialize};

pub use serve::{ChoiceRules, KeepRules, ProbeRules};

use crate::model::Ms;

mod check;
mod serve;

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
const DAY: Ms = 24 * HOUR;

/// All rules. What is left out has its default; what is unknown is an error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// What a cell usually does.
    pub learn: LearnRules,
    /// How much people type at this hour.
    pub users: UserRules,
    /// How late things come.
    pub curve: CurveRules,
    /// What one message says.
    pub score: ScoreRules,
    /// Carriers against each other.
    pub compare: CompareRules,
    /// When a state changes.
    pub states: StateRules,
    /// The trickle to a blocked cell.
    pub probe: ProbeRules,
    /// The choice of a carrier.
    pub choice: ChoiceRules,
    /// What is kept, and how long.
    pub keep: KeepRules,
}

/// The baseline: the share of codes typed (`typed`) and of messages received (`received`:
/// a delivered receipt or a typed code) when nothing is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LearnRules {
    /// What was learned weighs half after this time. Two days follow a carrier's slow
    /// changes and still hold a quiet cell's few messages.
    pub half_life_ms: Ms,
    /// At most this many messages are remembered per cell, so that a busy one adapts too
    /// (half of them would make the bounds too wide, twice as many lag behind a drift of days).
    pub messages_max: f64,
    /// Share typed before anything is known, worth `start_messages`.
    pub start_typed: f64,
    /// Share received before anything is known, worth `start_messages`.
    pub start_received: f64,
    /// Weight of the two shares above, in messages.
    pub start_messages: f64,
    /// A network or carrier leans on its country with this many messages.
    pub lean_messages: f64,
    /// A cell leans on network x carrier with this many messages (typed).
    pub prior_typed: f64,
    /// The same for received. Weaker, because carriers differ much in their receipts: a
    /// 70 % cell under a tight prior of 95 % alarms each 300 messages.
    pub prior_received: f64,
    /// The baseline is tested at this many standard deviations below its mean (typed).
    pub bound_typed: f64,
    /// The same for received.
    pub bound_received: f64,
    /// A cell may have changed unseen, by this much (one standard deviation of the share)
    /// in a day, for as long as what is known of it is old.
    pub drift_per_day: f64,
    /// Weight of messages sent while a cell of the network was suspect. Cells that learn in
    /// full during a pumping burst look weak afterwards, and their neighbour looks blocked.
    pub suspect_weight: f64,
    /// How far an hour with little typing lowers a message's exposure (1: wholly). Below 1
    /// it anchors the scale that the baseline and the user factor share.
    pub anchor: f64,
    /// The recent share, for the choice only, weighs half after this many messages.
    pub recent_messages: f64,
    /// Standard deviations between recent and learned share where the recent one begins to
    /// count, and where it counts alone: a creeping change is followed, noise is not.
    pub recent_from: f64,
    /// See `recent_from`.
    pub recent_to: f64,
}

impl Default for LearnRules {
    fn default() -> Self {
        LearnRules {
            half_life_ms: 2 * DAY,
            messages_max: 500.0,
            start_typed: 0.70,
            start_received: 0.75,
            start_messages: 4.0,
            lean_messages: 15.0,
            prior_typed: 20.0,
            prior_received: 8.0,
            bound_typed: 1.5,
            bound_received: 2.5,
            drift_per_day: 0.015,
            suspect_weight: 0.1,
            anchor: 0.8,
            recent_messages: 80.0,
            recent_from: 1.8,
            recent_to: 3.0,
        }
    }
}

/// The user factor: by how much all people type less or more than usual (night, holidays,
/// a slow drift), estimated per country and for the gateway, without the judged cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserRules {
    /// Memory of the factor: short against a night, long against a burst.
    pub half_life_ms: Ms,
    /// Prior weight, in expected typed codes: 17 is a standard deviation of 0.12.
    pub prior_codes: f64,
    /// Variance of one expected typed code around the factor.
    pub code_variance: f64,
    /// The factor is never known better than this (networks differ in their people).
    pub sd_min: f64,
    /// The test uses the factor at this many standard deviations below its mean.
    pub bound: f64,
    /// Cells with a higher score do not tell of the users any more, nats.
    pub trusted_below: f64,
    /// A cell that is nearly alone is its own witness up to this many expected codes, else
    /// each night would look like a block.
    pub own_codes: f64,
    /// A factor that leans on the judged cell itself is never lower than this.
    pub own_floor: f64,
}

impl Default for UserRules {
    fn default() -> Self {
        UserRules {
            half_life_ms: 30 * MINUTE,
            prior_codes: 17.0,
            code_variance: 0.25,
            sd_min: 0.035,
            bound: 1.3,
            trusted_below: 6.0,
            own_codes: 20.0,
            own_floor: 0.6,
        }
    }
}

/// Delay curves. Each cell has one of typing and one of the first sign (receipt or code).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CurveRules {
    /// A message is looked at when it is as old as these shares of the curve.
    pub checkpoints: [f64; 4],
    /// A message is closed and learned at this age.
    pub close_ms: Ms,
    /// A cell's curve leans on its channel's with this many messages.
    pub prior_messages: f64,
    /// Median of typing after an SMS before anything is known.
    pub sms_typing_ms: Ms,
    /// Median of the first sign after an SMS before anything is known.
    pub sms_sign_ms: Ms,
    /// Median of typing after a call was submitted.
    pub voice_typing_ms: Ms,
    /// Median of the first sign after a call was submitted.
    pub voice_sign_ms: Ms,
    /// Median of "didn't receive" after a message was sent.
    pub click_ms: Ms,
    /// Spread of these (standard deviation of the natural logarithm).
    pub spread: f64,
}

impl Default for CurveRules {
    fn default() -> Self {
        CurveRules {
            checkpoints: [0.5, 0.75, 0.9, 0.97],
            close_ms: 300 * SECOND,
            prior_messages: 10.0,
            sms_typing_ms: 20 * SECOND,
            sms_sign_ms: 7 * SECOND,
            voice_typing_ms: 40 * SECOND,
            voice_sign_ms: 15 * SECOND,
            click_ms: 50 * SECOND,
            spread: 0.6,
        }
    }
}

/// The score: CUSUMs of what each message says for "only `full` (or `half`) of the usual
/// comes" against "the usual comes".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScoreRules {
    /// Share of the usual that comes in a full block.
    pub full: f64,
    /// Share of the usual that comes in a half block.
    pub half: f64,
    /// A score stops this far above `states.block_at`, nats.
    pub headroom: f64,
    /// Below this expected share of typed codes typing says nothing (traffic without checks).
    pub typing_min: f64,
    /// Receipts count for at most what the typed codes say plus this much, nats: receipts
    /// that vanish while codes are typed never block.
    pub receipts_ahead: f64,
    /// Taken off the receipts' score where codes are typed, which then tell more safely:
    /// carriers' receipts drift, nats.
    pub receipts_off: f64,
    /// Filter receipts count for at most what the typed codes say plus this much, nats.
    pub filtered_ahead: f64,
    /// Taken off the filter score, nats.
    pub filtered_off: f64,
    /// Share of messages that a filtering carrier reports as such.
    pub filtered_share: f64,
    /// Most that one filter receipt says, nats: it may be about this one message.
    pub filtered_most: f64,
    /// Share of filter receipts when nothing is wrong, and its weight in messages.
    pub filtered_usual: f64,
    /// See `filtered_usual`.
    pub filtered_messages: f64,
    /// Share of clicks ("didn't receive") among untyped messages before anything is known.
    pub click_start: f64,
    /// Share of rescues among untyped messages before anything is known.
    pub rescue_start: f64,
    /// Weight of these two, in messages.
    pub click_messages: f64,
    /// In a block clicks and rescues are this many times as frequent: those whom nothing
    /// reached are a part of the untyped, and in a block nearly all of them ...
    pub click_times: f64,
    /// ... but no more frequent than this: about half of those whom nothing reaches click. If
    /// more were expected, the others' silence would speak against a block where many click in
    /// health too.
    pub click_share_max: f64,
    /// Most that one click says, nats.
    pub click_most: f64,
    /// Most that one rescue says, nats.
    pub rescue_most: f64,
}

impl Default for ScoreRules {
    fn default() -> Self {
        ScoreRules {
            full: 0.1,
            half: 0.5,
            headroom: 8.0,
            typing_min: 0.05,
            receipts_ahead: 8.5,
            receipts_off: 2.0,
            filtered_ahead: 10.5,
            filtered_off: 1.0,
            filtered_share: 0.5,
            filtered_most: 3.5,
            filtered_usual: 0.003,
            filtered_messages: 100.0,
            click_start: 0.15,
            rescue_start: 0.08,
            click_messages: 20.0,
            click_times: 3.0,
            click_share_max: 0.5,
            click_most: 1.0,
            rescue_most: 1.5,
        }
    }
}

/// The contrast: is it this cell, or do all carriers of the network have a bad hour?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompareRules {
    /// Values of the factor that all carriers of a network share. It needs one near 0, or
    /// "everything is down" turns into blocks.
    pub factors: [f32; 9],
    /// How likely each value is before anything is seen.
    pub likely: [f32; 9],
    /// Chance per message that the factor is another one now.
    pub change: f32,
    /// The contrast never falls below this, nats. Near 0 it would draw its lot anew again
    /// and again in a long burst.
    pub floor: f32,
}

impl Default for CompareRules {
    fn default() -> Self {
        CompareRules {
            factors: [1.05, 1.0, 0.9, 0.8, 0.65, 0.45, 0.25, 0.1, 0.003],
            likely: [0.15, 0.5, 0.2, 0.1, 0.01, 0.01, 0.01, 0.01, 0.01],
            change: 0.005,
            floor: -6.0,
        }
    }
}

/// The states. The stated false-alarm rate: a healthy cell that is no better than its lower
/// bound reaches a score of 13.5 once in e^13.5 = 730,000 judged messages, one at its mean a
/// hundred times less often; the contrast leaves a part of that, less than one false block
/// in a million messages where all cells drift, and a tenth of it where they do not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateRules {
    /// Healthy becomes suspect at this score, nats.
    pub suspect_at: f64,
    /// Suspect becomes healthy below this score, nats.
    pub clear_below: f64,
    /// Suspect becomes blocked at this score, nats ...
    pub block_at: f64,
    /// ... and this contrast by typed codes, nats, ...
    pub contrast_at: f64,
    /// ... or by receipts, which no bad hour of the users lowers, nats.
    pub contrast_receipts_at: f64,
    /// So much of it a score above its bar may lend, nats: the two rest on mostly the same
    /// messages, and the comparison also hangs on the others' luck. A contrast lends the
    /// score nothing: cells whose usual has drifted would have both.
    pub contrast_lent: f64,
    /// Others' messages sent since the suspicion began must have been good for so many
    /// typed codes (or first signs), or there is no comparison yet.
    pub contrast_others: f64,
    /// Others that bring less than this part of the usual have a bad hour too.
    pub contrast_factor: f64,
    /// The contrast asked for then, or where every other cell of the network is suspect or
    /// blocked: a long bad hour draws this lot again and again.
    pub contrast_at_alone: f64,
    /// A rescue's contrast adds at most this much to the other, nats.
    pub rescue_adds: f64,
    /// Below this contrast it is the network's bad hour, nats.
    pub network_below: f64,
    /// A network is in trouble (down, pumped, not typing) if all its carriers together bring
    /// less than this part of the usual. Above it the cells' baselines may just be old.
    pub network_factor: f64,
    /// A network alarm is also raised at this score of a cell, nats ...
    pub network_at: f64,
    /// ... if what the other cells bring says so much, nats, ...
    pub network_others_at: f64,
    /// ... for no more than this part of the usual.
    pub network_level: f64,
    /// So many expected codes (or first signs), the last ones, are asked whether the trouble
    /// is still there; an alarm needs that they say so much for no more than
    /// `network_level`, even where all cells are suspect, nats.
    pub network_codes: f64,
    /// See `network_codes`.
    pub network_last_at: f64,
    /// After an alarm the trouble is over when what all carriers bring says so much, nats, ...
    pub better_at: f64,
    /// ... for the usual against this part of it.
    pub better_level: f64,
    /// While that says more than this, nats, the alarm is not repeated.
    pub better_below: f64,
    /// A suspicion ends as a mere change of what is usual, to be learned, after this many
    /// compared messages of the cell (or as many as it is judged by, if these are more) ...
    pub change_messages: u32,
    /// ... or at once then if the contrast is not above this, nats ...
    pub change_contrast: f64,
    /// ... and in any case after this many.
    pub change_messages_most: u32,
    /// Score for a network alarm where there is only one cell and so no contrast, nats.
    pub alone_at: f64,
    /// At most one network alarm per network in this time.
    pub network_alarm_ms: Ms,
    /// A cell with no message for this long is no "other cell" of its network.
    pub active_ms: Ms,
    /// A cell on its way back is blocked again at this score, nats ...
    pub relapse_at: f64,
    /// ... and this contrast, if another cell is fine, nats.
    pub relapse_contrast_at: f64,
    /// A cell is on its way back until this many messages were judged.
    pub ramp_messages: u32,
    /// A suspect cell with this contrast, nats, is a credible one.
    pub pool_credible_at: f64,
    /// Score and contrast asked for where at least `pool_networks` other cells of the carrier
    /// are credible suspects or were blocked in the last `pool_ms`: an outage is one event.
    pub pool_block_at: f64,
    /// See `pool_block_at`.
    pub pool_contrast_at: f64,
    /// See `pool_block_at`.
    pub pool_networks: u32,
    /// See `pool_block_at`.
    pub pool_ms: Ms,
    /// Nothing is judged before the gateway has closed this many messages ...
    pub cold_messages: u64,
    /// ... and is this old: no alarm in a cold start.
    pub cold_ms: Ms,
    /// Signs that came too late, after which a block is called slowness.
    pub slow_signs: u32,
}

impl Default for StateRules {
    fn default() -> Self {
        StateRules {
            suspect_at: 4.5,
            clear_below: 1.0,
            block_at: 13.5,
            contrast_at: 6.0,
            contrast_receipts_at: 5.0,
            contrast_lent: 1.0,
            contrast_others: 5.0,
            contrast_factor: 0.7,
            contrast_at_alone: 9.0,
            rescue_adds: 3.0,
            network_below: 1.0,
            network_factor: 0.6,
            network_at: 8.0,
            network_others_at: 7.0,
            network_level: 0.4,
            network_codes: 25.0,
            network_last_at: 2.0,
            better_at: 4.0,
            better_level: 0.5,
            better_below: 1.0,
            change_messages: 40,
            change_contrast: -2.0,
            change_messages_most: 150,
            alone_at: 16.0,
            network_alarm_ms: HOUR,
            active_ms: HOUR,
            relapse_at: 6.0,
            relapse_contrast_at: 2.0,
            ramp_messages: 20,
            pool_credible_at: 4.0,
            pool_block_at: 7.0,
            pool_contrast_at: 3.0,
            pool_networks: 2,
            pool_ms: 30 * MINUTE,
            cold_messages: 200,
            cold_ms: 10 * MINUTE,
            slow_signs: 3,
        }
    }
}

#[cfg(test)]
mod tests;
