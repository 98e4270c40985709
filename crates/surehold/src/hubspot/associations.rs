//! What belongs to what. These calls have limits of their own, and may be repeated: an association that exists already
//! is made again without effect.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::batch::check_size;
use super::client::HubSpot;
use super::envelope::{Envelope, RowError};
use super::error::{HubSpotError, Refusal};
use super::wire::{Paging, id, or_default};

/// Pairs that one call makes, at most.
pub const ASSOCIATE_MAX: usize = 2_000;
/// Pairs that one call ends, and records whose associations one call reads, at most.
pub const READ_MAX: usize = 1_000;
/// Pages of one record's associations that are followed: half a million of them.
const PAGES_MAX: usize = 1_000;
/// What HubSpot says of a record that belongs to nothing: not an error to us.
const NONE_FOUND: &str = "NO_ASSOCIATIONS_FOUND";

/// What kind of association it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssociationType {
    /// Who defined it: `USER_DEFINED`, `HUBSPOT_DEFINED` or `INTEGRATOR_DEFINED`.
    pub category: String,
    /// Its number at the portal. It has a direction: the way back has another number.
    pub type_id: u32,
}

/// Two records, by HubSpot's ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// The record that belongs, such as a booking.
    pub from: String,
    /// The record that it belongs to, such as a contact.
    pub to: String,
}

/// What became of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairOutcome {
    /// It is as it should be.
    Done,
    /// It is not.
    Refused(Refusal),
    /// The answer does not say.
    Unknown,
}

/// The answer to a batch of pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PairsAnswer {
    /// What became of every pair.
    pub outcomes: BTreeMap<Pair, PairOutcome>,
    /// What HubSpot refused without saying which pair it meant.
    pub unplaced: Vec<Refusal>,
}

/// A record that another one belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Associated {
    /// HubSpot's id.
    pub id: String,
    /// All the ways in which it does.
    pub types: Vec<AssociationType>,
}

/// The answer to a batch of reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AssociationsRead {
    /// What each asked record belongs to, all pages; empty if it is nothing.
    pub of: BTreeMap<String, Vec<Associated>>,
    /// The records about which HubSpot said no, such as one that does not exist.
    pub refused: BTreeMap<String, Refusal>,
    /// What HubSpot refused without saying which record it meant.
    pub unplaced: Vec<Refusal>,
}

impl HubSpot {
    /// Makes each pair belong together, in one way.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`] of the whole call. More than [`ASSOCIATE_MAX`] pairs, or one twice, are not sent.
    pub async fn batch_associate(
        &self,
        from_type: &str,
        to_type: &str,
        association: &AssociationType,
        pairs: &[Pair],
    ) -> Result<PairsAnswer, HubSpotError> {
        if pairs.is_empty() {
            return Ok(PairsAnswer::default());
        }
        check(pairs, ASSOCIATE_MAX)?;
        let types = json!([{"associationCategory": association.category, "associationTypeId": association.type_id}]);
        let input = |pair: &Pair| json!({"from": {"id": pair.from}, "to": {"id": pair.to}, "types": types});
        let body = json!({"inputs": pairs.iter().map(input).collect::<Vec<_>>()});
        let call = self.on_associations("batch_associate", &[from_type, to_type, "batch", "create"])?;
        let answer = self.post::<Envelope>(call, &body).await?;
        let mut outcomes: BTreeMap<Pair, PairOutcome> =
            pairs.iter().map(|pair| (pair.clone(), PairOutcome::Unknown)).collect();
        for made in answer.body.results.into_iter().filter_map(|made| serde_json::from_value::<Made>(made).ok()) {
            if let Some(outcome) = outcomes.get_mut(&made.pair()) {
                *outcome = PairOutcome::Done;
            }
        }
        let mut unplaced = Vec::new();
        for error in answer.body.errors {
            self.refuse(error, answer.status, &answer.correlation_id, &mut outcomes, &mut unplaced);
        }
        Ok(PairsAnswer { outcomes, unplaced })
    }

    /// Ends all that is between each pair, in every way in which they belong together.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`] of the whole call. More than [`READ_MAX`] pairs, or one twice, are not sent.
    pub async fn batch_disassociate(
        &self,
        from_type: &str,
        to_type: &str,
        pairs: &[Pair],
    ) -> Result<PairsAnswer, HubSpotError> {
        if pairs.is_empty() {
            return Ok(PairsAnswer::default());
        }
        check(pairs, READ_MAX)?;
        let mut ends: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for pair in pairs {
            ends.entry(&pair.from).or_default().push(json!({"id": pair.to}));
        }
        let inputs: Vec<_> = ends.into_iter().map(|(from, to)| json!({"from": {"id": from}, "to": to})).collect();
        let call = self.on_associations("batch_disassociate", &[from_type, to_type, "batch", "archive"])?;
        let answer = self.post_for_bytes(call, &json!({"inputs": inputs})).await?;
        // 204: all of them. Anything else says what went wrong.
        let mut outcomes = pairs.iter().map(|pair| (pair.clone(), PairOutcome::Done)).collect();
        let mut unplaced = Vec::new();
        if !answer.body.is_empty() {
            let answer = self.read::<Envelope>(answer)?;
            for error in answer.body.errors {
                self.refuse(error, answer.status, &answer.correlation_id, &mut outcomes, &mut unplaced);
            }
            if !unplaced.is_empty() {
                let done = outcomes.values_mut().filter(|outcome| **outcome == PairOutcome::Done);
                done.for_each(|outcome| *outcome = PairOutcome::Unknown);
            }
        }
        Ok(PairsAnswer { outcomes, unplaced })
    }

    /// Reads which records of one type each of these belongs to.
    ///
    /// # Errors
    ///
    /// [`HubSpotError`] of a whole call. More than [`READ_MAX`] ids are not sent. An id twice is asked once.
    pub async fn read_associations(
        &self,
        from_type: &str,
        to_type: &str,
        ids: &[String],
    ) -> Result<AssociationsRead, HubSpotError> {
        check_size(ids.len(), READ_MAX)?;
        let mut read =
            AssociationsRead { of: ids.iter().map(|id| (id.clone(), vec![])).collect(), ..AssociationsRead::default() };
        let mut inputs: Vec<Value> = read.of.keys().map(|id| json!({"id": id})).collect();
        for _ in 0..PAGES_MAX {
            if inputs.is_empty() {
                return Ok(read);
            }
            let call = self.on_associations("read_associations", &[from_type, to_type, "batch", "read"])?;
            let answer = self.post::<Envelope>(call, &json!({"inputs": inputs})).await?;
            let unreadable = |why: &dyn std::fmt::Display| {
                HubSpotError::unreadable(answer.status, why, answer.correlation_id.clone())
            };
            if !answer.body.is_complete() {
                return Err(unreadable(&"the batch is not complete"));
            }
            inputs.clear();
            for of in answer.body.results {
                let of: Of = serde_json::from_value(of).map_err(|cause| unreadable(&cause))?;
                let Some(list) = read.of.get_mut(&of.from.id) else { continue };
                list.extend(of.to.into_iter().map(To::associated));
                inputs.extend(of.paging.after().map(|after| json!({"id": of.from.id, "after": after})));
            }
            for error in answer.body.errors.into_iter().filter(|error| !is_none_found(error)) {
                let about = error.about("fromObjectId");
                let refusal = self.row_refusal(error, answer.status, &answer.correlation_id);
                let known: Vec<_> = about.into_iter().filter(|id| read.of.remove(id).is_some()).collect();
                if known.is_empty() {
                    read.unplaced.push(refusal.clone());
                }
                read.refused.extend(known.into_iter().map(|id| (id, refusal.clone())));
            }
        }
        Err(HubSpotError::unreadable(200, "the associations do not end", None))
    }

    /// Finds the pairs that an error is about: those with all the ids that its context names.
    fn refuse(
        &self,
        error: RowError,
        status: u16,
        correlation_id: &Option<String>,
        outcomes: &mut BTreeMap<Pair, PairOutcome>,
        unplaced: &mut Vec<Refusal>,
    ) {
        let (from, to) = (error.about("fromObjectId"), error.about("toObjectId"));
        let refusal = self.row_refusal(error, status, correlation_id);
        let names = |ids: &[String], id: &String| ids.is_empty() || ids.contains(id);
        let mut is_placed = false;
        if !from.is_empty() || !to.is_empty() {
            for (_, outcome) in outcomes.iter_mut().filter(|(pair, _)| names(&from, &pair.from) && names(&to, &pair.to))
            {
                *outcome = PairOutcome::Refused(refusal.clone());
                is_placed = true;
            }
        }
        if !is_placed {
            unplaced.push(refusal);
        }
    }
}

/// Refuses what HubSpot would refuse as a whole: a mistake of ours.
fn check(pairs: &[Pair], most: usize) -> Result<(), HubSpotError> {
    check_size(pairs.len(), most)?;
    let mut seen = HashSet::new();
    match pairs.iter().find(|pair| !seen.insert(*pair)) {
        Some(Pair { from, to }) => {
            Err(HubSpotError::not_made(format!("the batch has the pair {from:?}, {to:?} twice")))
        }
        None => Ok(()),
    }
}

/// That a record belongs to nothing: the word is the category, or the end of the sub-category.
fn is_none_found(error: &RowError) -> bool {
    error.category().ends_with(NONE_FOUND) || error.sub_category().ends_with(NONE_FOUND)
}

/// An association that was made: the versions write its ends in two ways.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    #[serde(default, deserialize_with = "id")]
    from_object_id: String,
    #[serde(default, deserialize_with = "id")]
    to_object_id: String,
    #[serde(default)]
    from: End,
    #[serde(default)]
    to: End,
}

#[derive(Default, Deserialize)]
struct End {
    #[serde(default, deserialize_with = "id")]
    id: String,
}

impl Made {
    fn pair(self) -> Pair {
        let either = |one: String, other: String| if one.is_empty() { other } else { one };
        Pair { from: either(self.from_object_id, self.from.id), to: either(self.to_object_id, self.to.id) }
    }
}

/// What one record belongs to, or one page of it.
#[derive(Deserialize)]
struct Of {
    from: End,
    #[serde(default, deserialize_with = "or_default")]
    to: Vec<To>,
    #[serde(default, deserialize_with = "or_default")]
    paging: Paging,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct To {
    #[serde(deserialize_with = "id")]
    to_object_id: String,
    #[serde(default, deserialize_with = "or_default")]
    association_types: Vec<FoundType>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundType {
    #[serde(default, deserialize_with = "or_default")]
    category: String,
    #[serde(default)]
    type_id: u32,
}

impl To {
    fn associated(self) -> Associated {
        let types = self.association_types.into_iter();
        let types = types.map(|found| AssociationType { category: found.category, type_id: found.type_id });
        Associated { id: self.to_object_id, types: types.collect() }
    }
}

#[cfg(test)]
#[path = "associations_tests.rs"]
mod tests;
