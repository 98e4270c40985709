//! Filling the databases, by the SQL of `school.sql`.

use anyhow::Context;
use hyper::header::HeaderValue;
use secrecy::ExposeSecret;
use surehold::store::api_keys::{self, Role};
use surehold::store::migrate::migrate;
use surehold::store::provision::{NewOrg, create_org};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{
    HOT_TYPE, Market, Org, PaidTrip, SEATS_ENOUGH, SEATS_FEW, SMALL_ORGS, SPREAD_SESSIONS, SPREAD_TYPE, SlotOnSale,
    World,
};
use crate::cluster::Cluster;
use crate::seed;
use crate::trips::{SLOTS, SLOTS_OF_TRIP};

/// The SQL that fills a database.
const FILL: &str = include_str!("school.sql");
/// What a marketplace needs besides.
const FILL_MARKET: &str = include_str!("market.sql");
/// What is sold there, and its price in cents.
const EXPERIENCE: &str = "Rice Terraces";
const PRICE: i64 = 4500;
/// The first day of its slots; there is one a day.
const FIRST_DAY: &str = "2030-01-01";
/// Credits that each student has of both kinds; some are spent in the large world.
const CREDITS: i64 = 100;
/// Students who have booked before: with an empty table of bookings the planner knows nothing of it, and the
/// seed's function would keep plans that read all of an organisation's bookings while they grow.
const REGULARS: usize = 10_000;
/// Sessions beside the hot one: what a student sees in the list of what can be booked.
const BESIDE_HOT: usize = 48;

/// One organisation with so many students.
///
/// # Errors
///
/// What PostgreSQL says.
pub async fn school(cluster: &Cluster, students: usize) -> anyhow::Result<World> {
    let size = Size { orgs: 1, students, regulars: REGULARS.min(students), past: 1, spread: SPREAD_SESSIONS };
    fill(cluster, "bench_school", &size).await
}

/// One organisation with so many students, who have not booked yet.
///
/// # Errors
///
/// What PostgreSQL says.
pub async fn mirrored(cluster: &Cluster, students: usize) -> anyhow::Result<World> {
    let size = Size { orgs: 1, students, regulars: 0, past: 0, spread: 0 };
    fill(cluster, "bench_mirrored", &size).await
}

/// [`SMALL_ORGS`] organisations that share so many students.
///
/// # Errors
///
/// What PostgreSQL says.
pub async fn small_orgs(cluster: &Cluster, students: usize) -> anyhow::Result<World> {
    let size =
        Size { orgs: SMALL_ORGS, students: students / SMALL_ORGS, regulars: REGULARS / SMALL_ORGS, past: 1, spread: 0 };
    fill(cluster, "bench_small_orgs", &size).await
}

/// One organisation whose students have booked before, each on so many days. Its spread sessions are as many
/// further days without a booking.
///
/// # Errors
///
/// What PostgreSQL says.
pub async fn large(cluster: &Cluster, students: usize, bookings_each: usize, days: usize) -> anyhow::Result<World> {
    let size = Size { orgs: 1, students, regulars: students, past: bookings_each, spread: 0 };
    let mut world = fill(cluster, "bench_large", &size).await?;
    let client = cluster.connect(world.database).await?;
    client.batch_execute(FILL).await?;
    let org = &mut world.orgs[0];
    org.spread = (0..days).map(|_| Uuid::now_v7()).collect();
    sessions(&client, org.id, &org.spread, HOT_TYPE, SEATS_ENOUGH, 0, "2031-01-01").await?;
    tidy(&client).await?;
    Ok(world)
}

/// A marketplace with [`SLOTS`] slots on sale, one a day, and so many paid trips to be booked. As many travellers as a
/// school has regulars have booked before.
///
/// # Errors
///
/// What PostgreSQL says.
pub async fn market(cluster: &Cluster, trips: usize) -> anyhow::Result<World> {
    let size = Size { orgs: 1, students: 0, regulars: 0, past: 0, spread: 0 };
    let mut world = fill(cluster, "bench_market", &size).await?;
    let client = cluster.connect(world.database).await?;
    client.batch_execute(&[FILL, FILL_MARKET].concat()).await.context("market.sql cannot be run")?;
    client.batch_execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'").await?;
    let (org_id, experience) = (world.orgs[0].id, Uuid::now_v7());
    client
        .execute("SELECT pg_temp.fill_experience($1, $2, $3, $4)", &[&org_id, &experience, &EXPERIENCE, &PRICE])
        .await
        .context("an experience cannot be filled in")?;
    let past: Vec<Uuid> = (0..SLOTS_OF_TRIP).map(|_| Uuid::now_v7()).collect();
    let slots: Vec<Uuid> = (0..SLOTS).map(|_| Uuid::now_v7()).collect();
    sessions(&client, org_id, &past, EXPERIENCE, SEATS_ENOUGH, i32::try_from(REGULARS)?, "2029-01-01").await?;
    sessions(&client, org_id, &slots, EXPERIENCE, SEATS_ENOUGH, 0, FIRST_DAY).await?;

    let (regulars, trips) = (i64::try_from(REGULARS)?, i64::try_from(trips)?);
    let amount = PRICE * i64::try_from(SLOTS_OF_TRIP)?;
    client
        .execute("SELECT pg_temp.fill_travellers($1, 1, $2, $3)", &[&org_id, &(regulars + trips), &amount])
        .await
        .context("travellers cannot be filled in")?;
    client
        .execute("SELECT pg_temp.fill_trips($1, 1, $2, $3, $4)", &[&org_id, &regulars, &amount, &past])
        .await
        .context("trips cannot be filled in")?;
    tidy(&client).await?;
    let sql = "SELECT id, contact_id FROM payments WHERE trip_id IS NULL ORDER BY id";
    let paid = client.query(sql, &[]).await?;
    let paid = paid.iter().map(|row| Ok(PaidTrip { payment_id: row.try_get(0)?, traveller: row.try_get(1)? }));
    let first_day: jiff::civil::Date = FIRST_DAY.parse()?;
    let on_sale = |(id, date)| SlotOnSale { id, date };
    world.market = Some(Market {
        experience,
        slots: slots.into_iter().zip(first_day.series(jiff::Span::new().days(1))).map(on_sale).collect(),
        paid: paid.collect::<anyhow::Result<_>>()?,
    });
    Ok(world)
}

/// How large a world is.
struct Size {
    orgs: usize,
    /// Students of each organisation.
    students: usize,
    /// So many of them have booked before.
    regulars: usize,
    /// On so many sessions each.
    past: usize,
    /// Sessions of each organisation that bookings are spread over.
    spread: usize,
}

async fn fill(cluster: &Cluster, database: &'static str, size: &Size) -> anyhow::Result<World> {
    cluster.create(database).await?;
    migrate(&cluster.url(database), "surehold_app").await?;
    let mut client = cluster.connect(database).await?;
    for function in seed::FUNCTIONS {
        client.batch_execute(function).await.context("a function of the seed's cannot be made")?;
    }
    client.batch_execute(FILL).await.context("school.sql cannot be run")?;
    // Every foreign key is right by construction, and the laws are checked; looking each one up would take as
    // long as all the rest.
    client.batch_execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'").await?;
    let mut world = World { database, orgs: Vec::with_capacity(size.orgs), market: None };
    for number in 0..size.orgs {
        world.orgs.push(fill_org(&mut client, number, size).await?);
    }
    tidy(&client).await?;
    Ok(world)
}

/// Leaves nothing to do for autovacuum, which would come in the middle of a round.
async fn tidy(client: &Client) -> anyhow::Result<()> {
    client.batch_execute("VACUUM (ANALYZE)").await.context("a filled database cannot be vacuumed")?;
    client.batch_execute("CHECKPOINT").await.context("a filled database cannot be written to the disk")?;
    Ok(())
}

async fn fill_org(client: &mut Client, number: usize, size: &Size) -> anyhow::Result<Org> {
    let new = NewOrg {
        slug: format!("school-{number}"),
        name: format!("School {number}"),
        time_zone: "America/Toronto".to_owned(),
        currency: "usd".to_owned(),
        hosts: Vec::new(),
        is_test: false,
    };
    let id = create_org(client, &new).await?;
    client.execute("UPDATE orgs SET slot_capacity_max = $2 WHERE id = $1", &[&id, &SEATS_ENOUGH]).await?;
    let key = api_keys::create(client, id, "benchmark", Role::Service).await?;
    let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.text.expose_secret()))?;
    authorization.set_sensitive(true);

    let students = 1 + number * size.students..1 + (number + 1) * size.students;
    let first = i64::try_from(students.start)?;
    let (regulars, all) = (i64::try_from(size.regulars)?, i64::try_from(size.students)?);
    let past: Vec<Uuid> = (0..size.past).map(|_| Uuid::now_v7()).collect();
    let spent = i64::try_from(past.len())?;
    for (first, count, spent) in [(first, regulars, spent), (first + regulars, all - regulars, 0)] {
        client
            .execute("SELECT pg_temp.fill_contacts($1, $2, $3, $4, $5)", &[&id, &first, &count, &CREDITS, &spent])
            .await
            .context("contacts cannot be filled in")?;
    }
    sessions(client, id, &past, HOT_TYPE, SEATS_ENOUGH, i32::try_from(regulars)?, "2029-01-01").await?;
    client
        .execute("SELECT pg_temp.fill_bookings($1, $2, $3, $4, $5)", &[&id, &first, &regulars, &CREDITS, &past])
        .await
        .context("bookings cannot be filled in")?;

    let (hot, rush) = (Uuid::now_v7(), Uuid::now_v7());
    sessions(client, id, &[hot], HOT_TYPE, SEATS_ENOUGH, 0, "2030-01-01").await?;
    sessions(client, id, &[rush], HOT_TYPE, SEATS_FEW, 0, "2030-01-02").await?;
    let spread: Vec<Uuid> = (0..size.spread).map(|_| Uuid::now_v7()).collect();
    if !spread.is_empty() {
        let beside: Vec<Uuid> = (0..BESIDE_HOT).map(|_| Uuid::now_v7()).collect();
        sessions(client, id, &beside, HOT_TYPE, SEATS_FEW, 0, "2030-01-03").await?;
        sessions(client, id, &spread, SPREAD_TYPE, SEATS_ENOUGH, 0, "2030-01-01").await?;
    }
    Ok(Org { id, authorization, students, hot, rush, spread })
}

async fn sessions(
    client: &Client,
    org_id: Uuid,
    ids: &[Uuid],
    offering: &str,
    seats: i32,
    taken: i32,
    first_date: &str,
) -> anyhow::Result<()> {
    // Of one day of many sessions, ten; where bookings repeat by student, one.
    let per_day: i64 = if offering == SPREAD_TYPE { 10 } else { 1 };
    let first_date: jiff::civil::Date = first_date.parse()?;
    client
        .execute(
            "SELECT pg_temp.fill_sessions($1, $2, $3, $4, $5, $6, $7)",
            &[&org_id, &ids, &offering, &seats, &taken, &first_date, &per_day],
        )
        .await
        .context("sessions cannot be filled in")?;
    Ok(())
}
