//! Making a Checkout Session: docs.stripe.com/api/checkout/sessions/create.

use super::errors::ApiError;
use super::form::{Metadata, Params};
use super::sessions::{LineItem, PaymentStatus, Session, SessionStatus};
use super::state::State;
use super::{ids, money};

const LONGEST_SECONDS: i64 = 24 * 60 * 60;
/// Stripe's limit of an amount: eight digits.
const AMOUNT_MAX: i64 = 99_999_999;
const LINE_ITEMS_MAX: usize = 100;
const CLIENT_REFERENCE_MAX: usize = 200;

/// What the simulator acts upon.
const UNDERSTOOD: [&str; 12] = [
    "mode",
    "line_items",
    "client_reference_id",
    "metadata",
    "payment_intent_data",
    "expires_at",
    "success_url",
    "cancel_url",
    "customer_email",
    "adaptive_pricing",
    "expand",
    "ui_mode",
];
/// What it accepts and does not look at, because it does not change what a caller sees here.
const IGNORED: [&str; 21] = [
    "allow_promotion_codes",
    "automatic_tax",
    "billing_address_collection",
    "consent_collection",
    "currency",
    "custom_fields",
    "custom_text",
    "customer_creation",
    "excluded_payment_method_types",
    "integration_identifier",
    "invoice_creation",
    "locale",
    "name_collection",
    "origin_context",
    "payment_method_configuration",
    "payment_method_options",
    "payment_method_types",
    "phone_number_collection",
    "submit_type",
    "tax_id_collection",
    "wallet_options",
];

/// What a session is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewSession {
    created: i64,
    expires_at: i64,
    currency: String,
    line_items: Vec<LineItem>,
    amount_total: i64,
    client_reference_id: Option<String>,
    customer_email: Option<String>,
    metadata: Metadata,
    payment_intent_metadata: Metadata,
    payment_intent_description: Option<String>,
    success_url: String,
    cancel_url: Option<String>,
    adaptive_pricing: bool,
}

impl NewSession {
    /// Reads and checks the parameters. `shortest` is the least time, in seconds, for which a session is open.
    pub(super) fn read(params: &Params<'_>, now: i64, shortest: i64) -> Result<NewSession, ApiError> {
        let known: Vec<&str> = UNDERSTOOD.into_iter().chain(IGNORED).collect();
        params.only(&known)?;
        match params.required("mode")? {
            "payment" => {}
            "setup" | "subscription" => {
                return Err(ApiError::invalid("The simulator only knows the mode `payment`.").param("mode"));
            }
            _ => {
                let message = "Invalid mode: must be one of payment, setup, or subscription";
                return Err(ApiError::invalid(message).param("mode"));
            }
        }
        if !matches!(params.text("ui_mode")?, None | Some("hosted" | "hosted_page")) {
            return Err(ApiError::invalid("The simulator only knows the hosted page.").param("ui_mode"));
        }
        let (currency, line_items) = read_line_items(params)?;
        let amount_total = total(&currency, &line_items)?;
        let intent = params.map("payment_intent_data")?;
        let client_reference_id = params.text("client_reference_id")?;
        if client_reference_id.is_some_and(|id| id.chars().count() > CLIENT_REFERENCE_MAX) {
            let message = format!("Invalid string: must be at most {CLIENT_REFERENCE_MAX} characters");
            return Err(ApiError::invalid(message).param("client_reference_id"));
        }
        let adaptive = params.map("adaptive_pricing")?;
        Ok(NewSession {
            created: now,
            expires_at: read_expires_at(params, now, shortest)?,
            currency,
            line_items,
            amount_total,
            client_reference_id: client_reference_id.map(str::to_owned),
            customer_email: read_email(params)?,
            metadata: params.metadata("metadata")?,
            payment_intent_metadata: intent
                .as_ref()
                .map(|data| data.metadata("metadata"))
                .transpose()?
                .unwrap_or_default(),
            payment_intent_description: match &intent {
                Some(data) => data.text("description")?.map(str::to_owned),
                None => None,
            },
            success_url: url(params, "success_url")?.ok_or_else(|| ApiError::missing("success_url"))?,
            cancel_url: url(params, "cancel_url")?,
            adaptive_pricing: match adaptive {
                Some(adaptive) => adaptive.boolean("enabled")?.unwrap_or(true),
                None => true,
            },
        })
    }
}

fn read_line_items(params: &Params<'_>) -> Result<(String, Vec<LineItem>), ApiError> {
    let given = params.list("line_items")?;
    if given.is_empty() {
        return Err(ApiError::missing("line_items"));
    }
    if given.len() > LINE_ITEMS_MAX {
        let message = format!("The simulator takes up to {LINE_ITEMS_MAX} line items.");
        return Err(ApiError::invalid(message).param("line_items"));
    }
    let mut currency: Option<String> = None;
    let mut items = Vec::with_capacity(given.len());
    for item in given {
        item.only(&[
            "quantity",
            "price",
            "price_data",
            "adjustable_quantity",
            "tax_rates",
            "dynamic_tax_rates",
            "metadata",
        ])?;
        if let Some(price) = item.text("price")? {
            return Err(ApiError::no_such("price", price, &item.name("price")));
        }
        let price = item.map("price_data")?.ok_or_else(|| ApiError::missing(&item.name("price_data")))?;
        price.only(&["currency", "unit_amount", "product_data", "tax_behavior"])?;
        let its_currency = read_currency(&price)?;
        if currency.as_ref().is_some_and(|first| *first != its_currency) {
            let message = "All line items of a Checkout Session must have the same currency.";
            return Err(ApiError::invalid(message).param(price.name("currency")));
        }
        currency = Some(its_currency);
        let product = price.map("product_data")?.ok_or_else(|| ApiError::missing(&price.name("product_data")))?;
        product.only(&["name", "description", "images", "metadata", "tax_code", "unit_label"])?;
        items.push(LineItem {
            id: ids::new("li_1", 23),
            name: product.required("name")?.to_owned(),
            description: product.text("description")?.map(str::to_owned),
            quantity: item.integer_from("quantity", 1)?.ok_or_else(|| ApiError::missing(&item.name("quantity")))?,
            unit_amount: price
                .integer_from("unit_amount", 0)?
                .ok_or_else(|| ApiError::missing(&price.name("unit_amount")))?,
        });
    }
    Ok((currency.unwrap_or_default(), items))
}

fn read_currency(price: &Params<'_>) -> Result<String, ApiError> {
    let currency = price.required("currency")?.to_lowercase();
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(ApiError::invalid(format!("Invalid currency: {currency}")).param(price.name("currency")));
    }
    Ok(currency)
}

fn total(currency: &str, items: &[LineItem]) -> Result<i64, ApiError> {
    let mut total: i64 = 0;
    for item in items {
        let sum = item.quantity.checked_mul(item.unit_amount).and_then(|amount| total.checked_add(amount));
        total = sum.filter(|sum| *sum <= AMOUNT_MAX).ok_or_else(|| {
            let limit = money::brief(AMOUNT_MAX, currency);
            let message = format!("The Checkout Session's total amount must be no more than {limit}");
            ApiError::invalid(message).code("amount_too_large")
        })?;
    }
    if total != 0 && total < money::least(currency) {
        let least = money::brief(money::least(currency), currency);
        let message = format!("The Checkout Session's total amount due must add up to at least {least} {currency}");
        return Err(ApiError::invalid(message).code("amount_too_small"));
    }
    Ok(total)
}

fn read_expires_at(params: &Params<'_>, now: i64, shortest: i64) -> Result<i64, ApiError> {
    let Some(expires_at) = params.integer("expires_at")? else { return Ok(now + LONGEST_SECONDS) };
    let problem = if expires_at < now + shortest {
        let least = match shortest % 60 {
            0 => format!("{} minutes", shortest / 60),
            _ => format!("{shortest} seconds"),
        };
        format!("The `expires_at` timestamp must be at least {least} from Checkout Session creation.")
    } else if expires_at > now + LONGEST_SECONDS {
        "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.".to_owned()
    } else {
        return Ok(expires_at);
    };
    Err(ApiError::invalid(problem).param("expires_at"))
}

fn read_email(params: &Params<'_>) -> Result<Option<String>, ApiError> {
    let Some(email) = params.text("customer_email")? else { return Ok(None) };
    let (name, host) = email.split_once('@').unwrap_or_default();
    if name.is_empty() || host.is_empty() || email.contains(char::is_whitespace) {
        let error = ApiError::invalid(format!("Invalid email address: {email}"));
        return Err(error.code("email_invalid").param("customer_email"));
    }
    Ok(Some(email.to_owned()))
}

/// An address to go to. Only visible ASCII: it becomes a header.
fn url(params: &Params<'_>, field: &str) -> Result<Option<String>, ApiError> {
    let Some(url) = params.text(field)? else { return Ok(None) };
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if !host.is_some_and(|host| host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '['))
        || !url.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err(ApiError::invalid("Not a valid URL").code("url_invalid").param(field));
    }
    Ok(Some(url.to_owned()))
}

impl State {
    /// Makes the session. There is no event for it in Stripe.
    pub(super) fn create_session(&mut self, new: NewSession) -> Session {
        let session = Session {
            id: ids::new("cs_test_a1", 56),
            created: new.created,
            expires_at: new.expires_at,
            status: SessionStatus::Open,
            payment_status: if new.amount_total == 0 {
                PaymentStatus::NoPaymentRequired
            } else {
                PaymentStatus::Unpaid
            },
            line_items: new.line_items,
            currency: new.currency,
            amount_total: new.amount_total,
            client_reference_id: new.client_reference_id,
            customer_email: new.customer_email,
            metadata: new.metadata,
            payment_intent_metadata: new.payment_intent_metadata,
            payment_intent_description: new.payment_intent_description,
            success_url: new.success_url,
            cancel_url: new.cancel_url,
            adaptive_pricing: new.adaptive_pricing,
            payment_intent: None,
        };
        self.open_until.insert((session.expires_at, session.id.clone()));
        self.sessions.insert(session.clone());
        session
    }
}
