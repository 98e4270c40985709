//! The results for programs.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::measure::{COSTS, Metric, PER_SECOND, Summary, stands_for};
use crate::results::{LIMIT_SHARE, MEMORY_MAX, Measured, Reached, Results};

/// `{"machine":…,"workloads":{"hot":{"lanes":{…},…,"vs_seed":…},…},"cost":…,"limit":…}`
pub fn of(results: &Results) -> Value {
    let workloads: Map<String, Value> =
        results.workloads.iter().map(|measured| (measured.workload.name.to_owned(), workload(measured))).collect();
    let mut cost: Map<String, Value> = results
        .cost
        .iter()
        .map(|(contestant, figures)| (contestant.name().to_owned(), medians(figures, |metric| COSTS.contains(&metric))))
        .collect();
    if let Some(memory) = results.memory() {
        let goal = Reached { name: "server_peak_memory_mb", value: memory, bound: MEMORY_MAX };
        cost.insert("goals".to_owned(), goals(&[goal]));
    }
    json!({
        "machine": results.machine,
        "rounds": results.rounds,
        "seconds": rounded(results.seconds),
        "workloads": workloads,
        "cost": cost,
        "limit": limit(results),
    })
}

fn workload(measured: &Measured) -> Value {
    let mut members = Map::from_iter([("title".to_owned(), json!(measured.workload.title))]);
    for (contestant, figures) in &measured.figures {
        let mut shown = medians(figures, |metric| !COSTS.contains(&metric));
        if let (Some(rate), Some(shown)) = (figures.get(PER_SECOND), shown.as_object_mut()) {
            shown.insert("per_second_min".to_owned(), rounded(rate.min));
            shown.insert("per_second_max".to_owned(), rounded(rate.max));
            // Whoever looks for what a workload spends its time on finds it here.
            shown.insert("cost".to_owned(), medians(figures, |metric| COSTS.contains(&metric)));
        }
        members.insert(contestant.name().to_owned(), shown);
    }
    for goal in &measured.goals {
        members.insert(goal.name.to_owned(), rounded(goal.value));
    }
    members.insert("goals".to_owned(), goals(&measured.goals));
    members.insert("met".to_owned(), json!(measured.goals.iter().all(Reached::is_met)));
    Value::Object(members)
}

fn goals(goals: &[Reached]) -> Value {
    let one = |goal: &Reached| {
        let figures = json!({
            "value": rounded(goal.value), "required": goal.bound.to_string(), "met": goal.is_met(),
        });
        (goal.name.to_owned(), figures)
    };
    Value::Object(goals.iter().map(one).collect())
}

fn limit(results: &Results) -> Value {
    let Some(limit) = &results.limit else { return Value::Null };
    let goal = limit.hot_share.map(|value| Reached { name: "hot_share", value, bound: LIMIT_SHARE });
    json!({
        "per_second": rounded(limit.per_second.median),
        "per_second_min": rounded(limit.per_second.min),
        "per_second_max": rounded(limit.per_second.max),
        "hot_share": limit.hot_share.map(rounded),
        "goals": goals(goal.as_slice()),
    })
}

/// Of faults, the worst round.
fn medians(figures: &BTreeMap<Metric, Summary>, wanted: impl Fn(Metric) -> bool) -> Value {
    let shown = figures.iter().filter(|(metric, _)| wanted(metric));
    Value::Object(shown.map(|(metric, summary)| ((*metric).to_owned(), rounded(stands_for(metric, summary)))).collect())
}

/// To three digits after the point: more would be noise.
fn rounded(value: f64) -> Value {
    json!((value * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use crate::report::testing::results;

    #[test]
    fn the_shape_is_the_documented_one() {
        let json = super::of(&results());
        assert_eq!(json["workloads"]["hot"]["lanes"]["per_second"], 12_000.0);
        assert_eq!(json["workloads"]["hot"]["lanes"]["per_second_min"], 11_000.0);
        assert_eq!(json["workloads"]["hot"]["lanes"]["p99_ms"], 9.0);
        assert_eq!(json["workloads"]["hot"]["vs_seed"], 12.0);
        assert_eq!(json["workloads"]["hot"]["goals"]["vs_per_request"]["met"], false);
        assert_eq!(json["workloads"]["hot"]["met"], false);
        assert_eq!(json["limit"]["hot_share"], 0.6);
        assert_eq!(json["cost"]["lanes"]["server_peak_memory_mb"], 40.0);
        assert_eq!(json["cost"]["lanes"].get("per_second"), None);
        assert_eq!(json["machine"]["cores"], 2);
    }
}
