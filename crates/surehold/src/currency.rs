//! Currencies, by their ISO 4217 codes. Money is counted in the minor unit of one, such as cents.

/// What is used where nobody says otherwise.
pub const USUAL: &str = "usd";

/// Codes in use that name money (not metals, funds or tests).
const CODES: &str = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd \
    cad cdf chf clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd \
    hnl htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl \
    mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd \
    rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah ugx usd \
    uyu uzs ved ves vnd vuv wst xaf xcd xcg xof xpf yer zar zmw zwg";

/// The code of a currency in lower case, as Stripe writes it and as we keep it; `None`: there is no such currency.
pub fn parse(text: &str) -> Option<String> {
    let code = text.trim().to_ascii_lowercase();
    CODES.split_ascii_whitespace().any(|known| known == code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_in_any_case_and_made_up_ones_are_not() {
        assert_eq!(parse("usd").as_deref(), Some(USUAL));
        assert_eq!(parse(" Eur ").as_deref(), Some("eur"));
        for wrong in ["", "us", "usdollar", "€", "xyz", "usd eur", "xau"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
        assert!(CODES.split_ascii_whitespace().all(|code| code.len() == 3));
    }
}
