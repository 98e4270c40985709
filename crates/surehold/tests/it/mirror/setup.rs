//! Setting a portal up: what is missing is made, what is there stays.

use surehold::hubspot::{Mapping, Object};
use surehold::mirror::{MirrorError, SetupReport};
use surehold_simulators::hubspot::{Effect, Fault, Property, PropertyKind, Rule};

use crate::support::portal::MirroredSchool;

/// How many properties and groups a portal needs.
fn needed() -> (usize, usize) {
    let mapping = Mapping::default();
    (Object::ALL.into_iter().map(|object| mapping.properties(object).len()).sum(), Object::ALL.len())
}

fn made<'r>(report: &'r SetupReport, what: &str) -> Vec<&'r str> {
    report.made.iter().filter(|part| part.what == what).map(|part| part.name.as_str()).collect()
}

async fn set_up(school: &MirroredSchool, dry_run: bool) -> SetupReport {
    school.mirror.set_up(&school.org, dry_run).await.expect("a report")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_made_once() {
    let school = MirroredSchool::with(&[], |_| {}).await;
    let (properties, groups) = needed();

    let dry = set_up(&school, true).await;
    let writes = |kind: &str| school.hubspot.request_count(kind);
    assert_eq!(writes("POST /crm/properties/{type}") + writes("POST /crm/properties/{type}/groups"), 0, "a dry run");

    let first = set_up(&school, false).await;
    assert_eq!((&dry.made, dry.fitting), (&first.made, first.fitting), "a dry run says what will be done");
    assert!(dry.dry_run && !first.dry_run && first.misfits.is_empty());
    assert_eq!(made(&first, "group"), ["surehold"; 3]);
    // Names and addresses of contacts are HubSpot's own.
    assert_eq!((first.fitting, made(&first, "property").len()), (3, properties - 3));
    assert_eq!(made(&first, "group").len(), groups);

    let again = set_up(&school, false).await;
    assert_eq!((again.made.len(), again.fitting as usize, again.misfits.len()), (0, properties, 0));

    // The unique one is unique.
    let record = school.hubspot.create("0-1", &[("surehold_id", "a")]).unwrap();
    assert!(school.hubspot.create("0-1", &[("surehold_id", "a")]).is_err());
    assert_eq!(record.value("surehold_id"), Some("a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_said_and_left_alone() {
    let school = MirroredSchool::with(&[], |_| {}).await;
    school.hubspot.define("0-1", Property::text("surehold_id")).unwrap();
    school.hubspot.define("0-1", Property::of_kind("cs_credits", PropertyKind::Date)).unwrap();
    school.hubspot.define("0-1", Property::of_kind("sj_credits", PropertyKind::Number)).unwrap();

    let report = set_up(&school, false).await;

    let problems: Vec<&str> = report.misfits.iter().map(|misfit| misfit.problem.as_str()).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems.iter().any(|p| p.contains("surehold_id is not unique") && p.contains("Map another name")),
        "{problems:?}"
    );
    assert!(problems.iter().any(|p| p.contains("cs_credits is a date, not a number")), "{problems:?}");
    assert!(report.misfits.iter().all(|misfit| (misfit.part.object, misfit.part.what) == ("contacts", "property")));
    // The rest is made all the same, and a second run says the same of these.
    assert!(made(&report, "property").contains(&"surehold_cs_credits"));
    let again = set_up(&school, false).await;
    assert_eq!((again.made.len(), &again.misfits), (0, &report.misfits));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_and_lost_answers_make_each_once() {
    let school = MirroredSchool::with(&[], |_| {}).await;
    let reports = tokio::join!(set_up(&school, false), set_up(&school, false));
    for report in [&reports.0, &reports.1] {
        assert!(report.misfits.is_empty(), "{:?}", report.misfits);
    }
    let by_both = made(&reports.0, "property").len() + made(&reports.1, "property").len();
    let (properties, groups) = needed();
    assert_eq!(by_both + 3, properties, "each was made by one of them");
    assert_eq!(made(&reports.0, "group").len() + made(&reports.1, "group").len(), groups);

    // An answer that was lost after it was made: an error, and the next run finds it.
    let school = MirroredSchool::with(&[], |_| {}).await;
    let path = "/crm/properties/*";
    school.hubspot.add_fault(Rule::next(1, "POST", path, Fault::Reset { effect: Effect::All }));
    let lost = school.mirror.set_up(&school.org, false).await;
    assert!(matches!(&lost, Err(MirrorError::HubSpot(error)) if error.is_unknown()), "{lost:?}");
    let report = set_up(&school, false).await;
    assert!(report.misfits.is_empty(), "{:?}", report.misfits);
    assert_eq!(report.fitting as usize + made(&report, "property").len(), properties);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_type_of_objects_that_the_portal_has_not_is_named_with_the_remedy() {
    let file = std::env::temp_dir().join(format!("surehold-mapping-{}.json", uuid::Uuid::now_v7().simple()));
    std::fs::write(&file, r#"{"sessions": {"object": "3-7"}}"#).unwrap();
    let school = MirroredSchool::with(&["--hubspot-mapping", file.to_str().unwrap()], |_| {}).await;
    std::fs::remove_file(&file).unwrap();

    let report = set_up(&school, false).await;

    let [misfit] = report.misfits.as_slice() else { panic!("{:?}", report.misfits) };
    assert_eq!((misfit.part.what, misfit.part.name.as_str()), ("type", "3-7"));
    assert!(misfit.problem.contains("sessions.object") && misfit.problem.contains("--hubspot-mapping"), "{misfit:?}");
    assert!(made(&report, "property").contains(&"attendance"), "bookings are set up all the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_portal_or_with_a_wrong_token_nothing_is_done() {
    let school = MirroredSchool::with(&["--hubspot-access-token", "other=pat-test-of-another"], |_| {}).await;
    let none = school.mirror.set_up(&school.org, false).await;
    assert!(matches!(none, Err(MirrorError::NoPortal)), "{none:?}");

    let school = MirroredSchool::with(&["--hubspot-access-token", "pat-test-of-nobody"], |_| {}).await;
    let refused = school.mirror.set_up(&school.org, false).await;
    let is_access =
        |error: &MirrorError| matches!(error, MirrorError::HubSpot(e) if e.refusal().is_some_and(|r| r.is_access()));
    assert!(refused.as_ref().is_err_and(is_access), "{refused:?}");
}
