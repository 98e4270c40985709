//! What belongs to what.

use super::super::testing::{answering, answers, body_of};
use super::*;
use crate::stub::Stub;

fn pair(from: &str, to: &str) -> Pair {
    Pair { from: from.to_owned(), to: to.to_owned() }
}

fn to_contact() -> AssociationType {
    AssociationType { category: "USER_DEFINED".to_owned(), type_id: 1289 }
}

async fn associate(answer: Value, pairs: &[Pair]) -> PairsAnswer {
    let (_stub, client) = answering(201, answer.to_string()).await;
    client.batch_associate("2-1", "0-1", &to_contact(), pairs).await.expect("an answer")
}

fn is_refused(outcome: &PairOutcome) -> bool {
    matches!(outcome, PairOutcome::Refused(_))
}

#[tokio::test]
async fn pairs_are_made_and_found_in_any_order_however_their_ends_are_written() {
    let answer = json!({"status": "COMPLETE", "results": [
        {"fromObjectTypeId": "2-1", "fromObjectId": 2, "toObjectTypeId": "0-1", "toObjectId": 20, "labels": []},
        {"from": {"id": "3"}, "to": {"id": "30"}, "associationSpec": {"associationTypeId": 1289}},
        {"fromObjectId": "1", "toObjectId": "10"},
        {"fromObjectId": "9", "toObjectId": "90"}, {}, null,
    ]});
    let (stub, client) = answering(201, answer.to_string()).await;
    let pairs = [pair("1", "10"), pair("2", "20"), pair("3", "30"), pair("1", "20")];
    let answer = client.batch_associate("2-1", "0-1", &to_contact(), &pairs).await.expect("an answer");
    let outcome = |n: usize| &answer.outcomes[&pairs[n]];
    assert!((0..3).all(|n| *outcome(n) == PairOutcome::Done) && *outcome(3) == PairOutcome::Unknown, "{answer:?}");
    assert_eq!(stub.asked()[0].uri, "/crm/v4/associations/2-1/0-1/batch/create");
    assert_eq!(
        body_of(&stub.asked()[0])["inputs"][0],
        json!({"from": {"id": "1"}, "to": {"id": "10"}, "types": [{"associationCategory": "USER_DEFINED", "associationTypeId": 1289}]})
    );
}

#[tokio::test]
async fn an_error_is_about_the_pairs_that_it_names() {
    let pairs = [pair("1", "10"), pair("1", "20"), pair("2", "20"), pair("3", "30")];
    let answer = json!({"results": [{"fromObjectId": "3", "toObjectId": "30"}], "errors": [
        {"message": "both ends", "context": {"fromObjectId": ["1"], "toObjectId": ["20"]}},
        {"message": "one end", "context": {"fromObjectId": ["2"]}},
        {"message": "nobody of ours", "context": {"fromObjectId": ["7"]}},
        {"message": "nothing named"},
    ]});
    let answer = associate(answer, &pairs).await;
    let outcomes = pairs.each_ref().map(|pair| &answer.outcomes[pair]);
    assert_eq!(*outcomes[0], PairOutcome::Unknown);
    assert!(is_refused(outcomes[1]) && is_refused(outcomes[2]) && *outcomes[3] == PairOutcome::Done, "{answer:?}");
    assert_eq!(answer.unplaced.len(), 2);
}

#[tokio::test]
async fn pairs_are_ended_grouped_by_what_belongs() {
    let (stub, client) = answering(204, "").await;
    let pairs = [pair("1", "10"), pair("2", "20"), pair("1", "30")];
    let answer = client.batch_disassociate("2-1", "0-1", &pairs).await.expect("an answer");
    assert!(answer.outcomes.len() == 3 && answer.outcomes.values().all(|outcome| *outcome == PairOutcome::Done));
    assert_eq!(stub.asked()[0].uri, "/crm/v4/associations/2-1/0-1/batch/archive");
    assert_eq!(
        body_of(&stub.asked()[0]),
        json!({"inputs": [{"from": {"id": "1"}, "to": [{"id": "10"}, {"id": "30"}]}, {"from": {"id": "2"}, "to": [{"id": "20"}]}]})
    );
}

#[tokio::test]
async fn an_error_while_ending_is_about_its_pairs_or_leaves_the_others_unknown() {
    let pairs = [pair("1", "10"), pair("2", "20")];
    let ended = async |errors: Value| {
        let (_stub, client) = answering(207, json!({"errors": errors}).to_string()).await;
        let answer = client.batch_disassociate("2-1", "0-1", &pairs).await.expect("an answer");
        pairs.each_ref().map(|pair| answer.outcomes[pair].clone())
    };
    let [one, two] = ended(json!([{"context": {"fromObjectId": ["1"]}}])).await;
    assert!(is_refused(&one) && two == PairOutcome::Done);
    let [one, two] = ended(json!([{"context": {"fromObjectId": ["1"]}}, {"message": "?"}])).await;
    assert!(is_refused(&one) && two == PairOutcome::Unknown);
}

#[tokio::test]
async fn all_pages_of_associations_are_read() {
    let to = |id: Value| json!({"toObjectId": id, "associationTypes": [{"category": "USER_DEFINED", "typeId": 1289, "label": null}]});
    let stub = Stub::start(answers([
        (207, json!({"status": "COMPLETE", "results": [
            {"from": {"id": "2"}, "to": [to(json!(20))], "paging": {"next": {"after": "p2", "link": "x"}}},
            {"from": {"id": "1"}, "to": [to(json!("10"))]},
        ], "errors": [
            {"category": "OBJECT_NOT_FOUND", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND", "context": {"fromObjectId": ["3"]}},
            {"category": "OBJECT_NOT_FOUND", "message": "gone", "context": {"fromObjectId": ["4"]}},
            {"category": "VALIDATION_ERROR", "message": "which?"},
        ]})),
        (200, json!({"status": "COMPLETE", "results": [{"from": {"id": "2"}, "to": [to(json!(21))]}]})),
    ]))
    .await;
    let ids = ["1", "2", "3", "4", "5", "1"].map(str::to_owned);
    let read = stub.hubspot().read_associations("2-1", "0-1", &ids).await.expect("associations");
    let of = |id: &str| read.of[id].iter().map(|to| to.id.as_str()).collect::<Vec<_>>();
    assert_eq!((of("1"), of("2"), of("3"), of("5")), (vec!["10"], vec!["20", "21"], vec![], vec![]));
    assert_eq!(read.of["1"][0].types, [to_contact()]);
    assert_eq!(read.refused.keys().collect::<Vec<_>>(), ["4"]);
    assert!(!read.of.contains_key("4") && read.unplaced.len() == 1, "{read:?}");
    let asked = stub.asked();
    assert_eq!(asked[0].uri, "/crm/v4/associations/2-1/0-1/batch/read");
    let once = ["1", "2", "3", "4", "5"].map(|id| json!({"id": id}));
    assert_eq!(body_of(&asked[0]), json!({"inputs": once}));
    assert_eq!(body_of(&asked[1]), json!({"inputs": [{"id": "2", "after": "p2"}]}));
}

#[tokio::test]
async fn mistakes_of_ours_are_not_sent_and_nothing_needs_no_call() {
    let stub = Stub::start(vec![]).await;
    let client = stub.hubspot();
    let twice = [pair("1", "10"), pair("1", "10")];
    let many: Vec<Pair> = (0..=ASSOCIATE_MAX).map(|n| pair(&n.to_string(), "1")).collect();
    for pairs in [&twice[..], &many] {
        client.batch_associate("2-1", "0-1", &to_contact(), pairs).await.expect_err("a mistake");
        client.batch_disassociate("2-1", "0-1", pairs).await.expect_err("a mistake");
    }
    let ids: Vec<String> = (0..=READ_MAX).map(|n| n.to_string()).collect();
    client.read_associations("2-1", "0-1", &ids).await.expect_err("too many");
    assert_eq!(client.batch_associate("2-1", "0-1", &to_contact(), &[]).await, Ok(PairsAnswer::default()));
    assert_eq!(client.batch_disassociate("2-1", "0-1", &[]).await, Ok(PairsAnswer::default()));
    assert_eq!(client.read_associations("2-1", "0-1", &[]).await, Ok(AssociationsRead::default()));
    assert!(stub.asked().is_empty());
}
