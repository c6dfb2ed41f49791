use super::*;
use serde_json::{Value, json};

fn refused(profile: Value) -> Vec<(String, String)> {
    let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    let profile = serde_json::from_value(profile).unwrap();
    match rules(&profile, &names) {
        Ok(_) => Vec::new(),
        Err(Error::Problem { errors, .. }) => {
            errors.into_iter().map(|one| (one.pointer, one.detail)).collect()
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn bounds_that_no_weights_of_one_together_have_room_between_are_named() {
    for (profile, pointer, says) in [
        (json!({"max_weight": 0.1}), "/profile/max_weight", "sum to 0.4, which"),
        (json!({"max_weight": 0.1}), "/profile/max_weight", "raise it to 0.25 or"),
        (
            json!({"max_weight": 0.1, "bounds": {"a": {"max": 0.3}}, "exclude": ["d"]}),
            "/profile/max_weight",
            "raise it to 0.35 or",
        ),
        (
            json!({"max_weight": 0.3, "exclude": ["d"]}),
            "/profile/max_weight",
            "3 assets that may be held sum to 0.9, which leaves 0.1 of wealth that nothing may hold: raise it to 0.3334",
        ),
        (
            json!({"exclude": ["c", "d"], "bounds": {"a": {"max": 0.3}, "b": {"max": 0.3}}}),
            "/profile/bounds",
            "raise some of their max",
        ),
        // A sum that is read as 1 says by how little it is not.
        (
            json!({"max_weight": 0.249_999_9}),
            "/profile/max_weight",
            "sum to 1, which leaves 0.0000004 of wealth",
        ),
        (json!({"min_weight": 0.3}), "/profile/min_weight", "lower it to 0.25 or"),
        (
            json!({"min_weight": 0.1, "bounds": {"a": {"min": 0.8}}}),
            "/profile/min_weight",
            "sum to 1.1, 0.1 more than the 1 that there is: lower it to 0.0666",
        ),
        (
            json!({"bounds": {"a": {"min": 0.8}, "b": {"min": 0.3}}}),
            "/profile/bounds",
            "lower some of their min",
        ),
    ] {
        let found = refused(profile.clone());
        assert_eq!(found.len(), 1, "{profile} {found:?}");
        assert_eq!(found[0].0, pointer, "{found:?}");
        assert!(found[0].1.contains(says), "{found:?}");
    }
    for profile in [
        json!({"max_weight": 0.25, "min_weight": 0.25}),
        json!({"min_weight": -1.0, "max_weight": 1.0}),
        json!({"max_weight": 0.2, "bounds": {"a": {"max": 0.4}}}),
    ] {
        assert_eq!(refused(profile), []);
    }
}

#[test]
fn who_says_nothing_of_what_is_held_pays_for_all_that_is_bought() {
    let names: Vec<String> = ["a", "b"].map(str::to_owned).to_vec();
    let cost = InvestorProfile { cost: 0.01, horizon: 10, ..InvestorProfile::default() };
    let found = rules(&cost, &names).unwrap();
    assert!((found.constraints.cost(&[0.5, 0.5]) - 0.001).abs() < 1e-15);
    assert_eq!(found.starts_from(), StartingPoint::Cash);
    let current = BTreeMap::from([("a".to_owned(), 0.5)]);
    let found = rules(&InvestorProfile { current, ..cost }, &names).unwrap();
    assert!((found.constraints.cost(&[0.5, 0.5]) - 0.0005).abs() < 1e-15);
    assert_eq!(found.starts_from(), StartingPoint::Current);
    assert_eq!(found.held(), [0.5, 0.0]);
}
