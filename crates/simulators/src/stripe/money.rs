//! Amounts: in the smallest unit of their currency (docs.stripe.com/currencies).

const WITHOUT_DECIMALS: &[&str] =
    &["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"];
const WITH_THREE_DECIMALS: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];
/// The least that a card can be charged with. Stripe's list is longer; currencies that are not here have no least.
const LEAST: &[(&str, i64)] = &[
    ("usd", 50),
    ("aud", 50),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("eur", 50),
    ("gbp", 30),
    ("jpy", 50),
    ("nzd", 50),
    ("sgd", 50),
];

fn decimals(currency: &str) -> usize {
    if WITHOUT_DECIMALS.contains(&currency) {
        0
    } else if WITH_THREE_DECIMALS.contains(&currency) {
        3
    } else {
        2
    }
}

fn symbol(currency: &str) -> &'static str {
    match currency {
        "usd" | "cad" | "aud" | "nzd" | "sgd" => "$",
        "eur" => "€",
        "gbp" => "£",
        "jpy" => "¥",
        _ => "",
    }
}

/// The least amount that Stripe charges in this currency.
pub(super) fn least(currency: &str) -> i64 {
    LEAST.iter().find(|(known, _)| *known == currency).map_or(1, |(_, amount)| *amount)
}

/// For errors: `$12.50`, or `12.50 sek` where there is no symbol.
pub(super) fn brief(amount: i64, currency: &str) -> String {
    let number = number(amount, currency);
    match symbol(currency) {
        "" => format!("{number} {currency}"),
        symbol => format!("{symbol}{number}"),
    }
}

/// For people: `$1,250.00 USD`.
pub(super) fn long(amount: i64, currency: &str) -> String {
    format!("{}{} {}", symbol(currency), number(amount, currency), currency.to_uppercase())
}

fn number(amount: i64, currency: &str) -> String {
    let decimals = decimals(currency);
    let digits = format!("{amount:0width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if decimals == 0 { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_show_the_decimals_of_their_currency() {
        assert_eq!(long(5, "usd"), "$0.05 USD");
        assert_eq!(long(123_456_789, "cad"), "$1,234,567.89 CAD");
        assert_eq!(long(1_000, "jpy"), "¥1,000 JPY");
        assert_eq!(long(1_000, "kwd"), "1.000 KWD");
        assert_eq!(brief(9_390, "gbp"), "£93.90");
        assert_eq!(brief(100_000, "sek"), "1,000.00 sek");
    }
}
