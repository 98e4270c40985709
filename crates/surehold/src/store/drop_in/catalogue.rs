//! What there is to read: each view with its columns. The only source of identifiers in these statements; a test holds
//! it against the database.

/// The schemas as callers name them. Both show every view: the seeds disagree about where their tables are.
pub const SCHEMAS: [&str; 2] = ["public", "hubspot_sync"];

/// A view.
#[derive(Debug)]
pub struct View {
    /// Its name, in `drop_in` and for callers.
    pub name: &'static str,
    /// Its columns, in order. `org_id` and the columns for conditions by key are not among them.
    pub columns: &'static [Column],
}

/// A column of a view.
#[derive(Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// How its values are written: a value to compare with is brought into the same form.
    pub letters: Letters,
    /// A condition that finds rows by a value of it, through an index, where the column itself is computed and has
    /// none. `{}` stands for an array of values, and `$1` for the organisation.
    pub lookup: Option<&'static str>,
    /// The column that has the same order, and an index.
    pub same_order: Option<&'static str>,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `uuid`
    Uuid,
    /// `text`
    Text,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `boolean`
    Boolean,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`
    Timestamp,
    /// `timestamptz`
    Timestamptz,
    /// `numeric`
    Numeric,
    /// `jsonb`
    Json,
    /// `text[]`
    Texts,
}

/// The case in which the letters of a column are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// As they were given.
    AsGiven,
    /// Upper case.
    Upper,
    /// Lower case.
    Lower,
}

impl Kind {
    /// The type's name in SQL, as PostgreSQL's catalogue has it, too.
    pub fn sql(self) -> &'static str {
        match self {
            Kind::Uuid => "uuid",
            Kind::Text => "text",
            Kind::Integer => "int4",
            Kind::BigInt => "int8",
            Kind::Boolean => "bool",
            Kind::Date => "date",
            Kind::Time => "time",
            Kind::Timestamp => "timestamp",
            Kind::Timestamptz => "timestamptz",
            Kind::Numeric => "numeric",
            Kind::Json => "jsonb",
            Kind::Texts => "_text",
        }
    }
}

impl View {
    /// The view of a name.
    pub fn named(name: &str) -> Option<&'static View> {
        VIEWS.iter().find(|view| view.name == name)
    }

    /// Its column of a name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Letters {
    /// A value as it is kept.
    pub fn fold(self, value: &str) -> String {
        match self {
            Letters::AsGiven => value.to_owned(),
            Letters::Upper => value.to_uppercase(),
            Letters::Lower => value.to_lowercase(),
        }
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, letters: Letters::AsGiven, lookup: None, same_order: None }
}

const fn uuid(name: &'static str) -> Column {
    column(name, Kind::Uuid)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn integer(name: &'static str) -> Column {
    column(name, Kind::Integer)
}

const fn instant(name: &'static str) -> Column {
    column(name, Kind::Timestamptz)
}

impl Column {
    const fn letters(self, letters: Letters) -> Column {
        Column { letters, ..self }
    }

    const fn lookup(self, condition: &'static str) -> Column {
        Column { lookup: Some(condition), ..self }
    }

    const fn ordered_by(self, same: &'static str) -> Column {
        Column { same_order: Some(same), ..self }
    }
}

// Lookups are arrays, which are made before anything is joined: a subquery in IN would be one more table to plan for, and
// planning takes longer than reading.

/// A session's HubSpot number is its UUID until HubSpot has one; callers that kept the UUID still find it.
macro_rules! by_session {
    ($column:literal) => {
        concat!(
            "v.\"",
            $column,
            "\" = ANY (ARRAY(SELECT l.entity_id FROM hubspot_links l ",
            "WHERE l.org_id = $1 AND l.entity = 'slot' AND l.hubspot_id = ANY ({}) ",
            "UNION ALL SELECT CASE WHEN u.id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN u.id::uuid END ",
            "FROM unnest({}) AS u (id)))"
        )
    };
}

/// The bookings that were made under a key, as the view shows it.
const BY_KEY: &str = "v.\"id\" = ANY (ARRAY(SELECT j.entity_id FROM journal j WHERE j.org_id = $1 AND j.key = ANY ({}) \
                      AND j.entity = 'booking' AND j.event IN ('booking.confirmed', 'booking.imported') \
                      AND NOT starts_with(j.key, 'made_')))";

/// Every view.
pub const VIEWS: &[View] = &[
    View {
        name: "hubspot_contact_credits",
        columns: &[
            uuid("id"),
            text("hubspot_id"),
            text("student_id").letters(Letters::Upper),
            text("email").letters(Letters::Lower),
            text("firstname"),
            text("lastname"),
            text("student_name"),
            integer("sj_credits"),
            integer("cs_credits"),
            integer("sjmini_credits"),
            integer("mock_discussion_token"),
            integer("shared_mock_credits"),
            text("ndecc_exam_date"),
            instant("created_at"),
            instant("updated_at"),
            instant("synced_at"),
            instant("hubspot_last_sync_at"),
        ],
    },
    View {
        name: "hubspot_mock_exams",
        columns: &[
            uuid("id"),
            text("hubspot_id").lookup(by_session!("id")),
            text("mock_exam_name"),
            text("mock_type"),
            text("mock_set"),
            column("exam_date", Kind::Date),
            text("start_time"),
            text("end_time"),
            text("location"),
            integer("capacity"),
            integer("total_bookings"),
            text("is_active"),
            instant("scheduled_activation_datetime"),
            column("prerequisite_exam_ids", Kind::Texts),
            instant("created_at"),
            instant("updated_at"),
            instant("synced_at"),
            instant("hubspot_last_sync_at"),
        ],
    },
    View {
        name: "hubspot_bookings",
        columns: &[
            uuid("id"),
            text("hubspot_id"),
            text("booking_id"),
            text("associated_mock_exam").lookup(by_session!("key_slot")),
            text("associated_contact_id"),
            text("student_id").letters(Letters::Upper),
            text("name"),
            text("student_email").letters(Letters::Lower),
            text("is_active"),
            text("attendance"),
            text("attending_location"),
            column("exam_date", Kind::Timestamp),
            text("dominant_hand"),
            text("token_used"),
            text("token_refunded"),
            instant("token_refunded_at"),
            text("token_refund_admin"),
            text("mock_type"),
            text("mock_set"),
            text("start_time"),
            text("end_time"),
            text("ndecc_exam_date"),
            text("idempotency_key").lookup(BY_KEY),
            instant("created_at"),
            instant("updated_at"),
            instant("synced_at"),
            instant("hubspot_last_sync_at"),
            text("student_name"),
            text("mock_exam_id").lookup(by_session!("key_slot")),
            text("contact_id"),
        ],
    },
    View {
        name: "experience_slots",
        columns: &[
            uuid("id"),
            uuid("experience_id"),
            column("slot_date", Kind::Date),
            column("slot_time", Kind::Time),
            integer("total_capacity"),
            integer("available_count"),
            integer("price_override_amount"),
            column("is_blocked", Kind::Boolean),
            instant("created_at"),
            instant("updated_at"),
        ],
    },
    View {
        name: "bookings",
        columns: &[
            uuid("id"),
            uuid("trip_id"),
            uuid("user_id"),
            uuid("experience_id"),
            uuid("payment_id"),
            uuid("slot_id"),
            text("reference"),
            integer("guest_count"),
            column("booking_date", Kind::Date),
            column("booking_time", Kind::Time),
            text("status"),
            instant("booked_at"),
            text("check_in_status"),
            instant("checked_in_at"),
            uuid("trip_item_id"),
            text("refunded_by"),
            instant("refunded_at"),
            column("email_sent", Kind::Boolean),
            instant("email_sent_at"),
            instant("created_at"),
            instant("updated_at"),
        ],
    },
    View {
        name: "trips",
        columns: &[
            uuid("id"),
            uuid("user_id"),
            text("status"),
            column("total", Kind::Numeric),
            instant("created_at"),
            instant("updated_at"),
        ],
    },
    View {
        name: "payments",
        columns: &[
            uuid("id"),
            uuid("booking_id"),
            uuid("trip_id"),
            text("stripe_payment_intent_id"),
            text("stripe_checkout_session_id"),
            integer("amount"),
            text("currency"),
            integer("platform_fee"),
            integer("vendor_payout"),
            text("status"),
            column("refund_amount", Kind::BigInt),
            text("refund_id"),
            instant("refunded_at"),
            instant("created_at"),
            instant("updated_at"),
        ],
    },
    View {
        name: "audit_logs",
        columns: &[
            uuid("id"),
            text("event_type"),
            text("entity_type"),
            uuid("entity_id"),
            uuid("actor_id"),
            text("actor_type"),
            column("metadata", Kind::Json),
            text("stripe_event_id"),
            // Its ids are UUIDv7, made within milliseconds of it.
            instant("created_at").ordered_by("id"),
        ],
    },
];
