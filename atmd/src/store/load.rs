//! Reads the book of a batch: one statement for each kind of row that is not kept from the batch before.

use super::entity::{
    account, blacklist, blacklist_event, certificate, credential, journal, operator, rejection, reset_code,
    seal, session,
};
use super::kept::{Customer, Kept};
use super::statement::list;
use super::{SealHead, StoreError, convert};
use crate::ledger::book::{Book, Head, KeyRecord};
use crate::ledger::needs::Needs;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::money::Money;
use atm_rpc::types::time::BusinessDate;
use sea_orm::sea_query::UnionType;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, PrimaryKeyTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};
use std::collections::{BTreeSet, HashMap};

/// The values that a list has at the most: SQLite takes 32,766 parameters in all.
const LIST_MAX: usize = 16_384;

/// What it reads, `kept` has from then on.
pub(super) async fn book(
    on: &impl ConnectionTrait,
    needs: &Needs,
    kept: &mut Kept,
) -> Result<(Book, SealHead), StoreError> {
    let (head, seal) = head(on).await?;
    kept.reach(seal);
    let mut book = Book { head, ..Book::default() };
    load_sessions(on, needs, kept, &mut book).await?;
    load_accounts(on, needs, kept, &mut book).await?;
    load_pins(on, needs, &mut book).await?;
    load_keys(on, needs, &mut book).await?;
    load_operators(on, needs, &mut book).await?;
    if needs.session_head {
        book.head.session = newest(on, session::Entity::find(), session::Column::Id).await?;
    }
    if needs.event_head {
        book.head.event = newest(on, blacklist_event::Entity::find(), blacklist_event::Column::Id).await?;
    }
    Ok((book, seal))
}

/// The seal of the newest batch.
pub(super) async fn last_seal(on: &impl ConnectionTrait) -> Result<Option<seal::Model>, StoreError> {
    Ok(seal::Entity::find().order_by_desc(seal::Column::Id).one(on).await?)
}

/// Where the journal ends and the chain of seals.
pub(super) async fn head(on: &impl ConnectionTrait) -> Result<(Head, SealHead), StoreError> {
    let last = last_seal(on).await?;
    let Some(last) = last else { return Ok((Head::default(), SealHead { id: 0, mac: [0; 32] })) };
    let mac = last.mac.as_slice().try_into().map_err(|_| convert::corrupt("seal"))?;
    Ok((head_of(&last), SealHead { id: last.id, mac }))
}

/// Where the journal ended with that seal.
pub(super) const fn head_of(seal: &seal::Model) -> Head {
    Head {
        seq: seal.last_seq,
        vault: Money::from_minor(seal.vault_balance_minor),
        date: BusinessDate::from_days(seal.business_date),
        audit: seal.last_audit,
        session: 0,
        event: 0,
    }
}

pub(super) async fn seal_of(on: &impl ConnectionTrait, batch: &[u8; 16]) -> Result<bool, StoreError> {
    let found = seal::Entity::find().filter(seal::Column::Batch.eq(batch.to_vec())).one(on).await?;
    Ok(found.is_some())
}

async fn newest<E>(
    on: &impl ConnectionTrait,
    select: sea_orm::Select<E>,
    id: E::Column,
) -> Result<i64, StoreError>
where
    E: EntityTrait,
    E::PrimaryKey: PrimaryKeyTrait<ValueType = i64>,
{
    let newest: Option<i64> =
        select.select_only().column(id).order_by_desc(id).limit(1).into_tuple().one(on).await?;
    Ok(newest.unwrap_or(0))
}

/// Lists of all these that a statement takes, whatever the engine: mostly one.
fn parts(accounts: &BTreeSet<AccountId>) -> impl Iterator<Item = Vec<i64>> {
    let ids: Vec<i64> = accounts.iter().map(|account| account.raw()).collect();
    let count = ids.len().div_ceil(LIST_MAX);
    (0..count).map(move |part| list(ids.iter().copied().skip(part * LIST_MAX).take(LIST_MAX)))
}

async fn load_sessions(
    on: &impl ConnectionTrait,
    needs: &Needs,
    kept: &mut Kept,
    book: &mut Book,
) -> Result<(), StoreError> {
    let mut wanted = Condition::any();
    let missing = needs.sessions.iter().filter(|id| !kept.sessions.contains_key(id));
    let missing = list(missing.map(|id| id.0));
    if !missing.is_empty() {
        wanted = wanted.add(session::Column::Id.is_in(missing));
    }
    if !needs.tokens.is_empty() {
        wanted =
            wanted.add(session::Column::TokenHash.is_in(list(needs.tokens.iter().map(|hash| hash.to_vec()))));
    }
    let mut of_accounts = parts(&needs.open_sessions);
    loop {
        if let Some(part) = of_accounts.next() {
            let open = session::Column::EndedAt.is_null();
            wanted = wanted.add(session::Column::Account.is_in(part).and(open));
        }
        if wanted.is_empty() {
            break;
        }
        for row in session::Entity::find().filter(wanted).all(on).await? {
            let (id, session) = convert::session(&row)?;
            if session.ended.is_none() {
                kept.sessions.insert(id, session.clone());
            }
            book.sessions.insert(id, session);
        }
        wanted = Condition::any();
    }
    let open = needs.sessions.iter().filter_map(|id| Some((*id, kept.sessions.get(id)?.clone())));
    book.sessions.extend(open);
    Ok(())
}

/// Accounts with their blacklist entries and PINs. A session found by its token needs its account's.
async fn load_accounts(
    on: &impl ConnectionTrait,
    needs: &Needs,
    kept: &mut Kept,
    book: &mut Book,
) -> Result<(), StoreError> {
    let mut accounts = needs.accounts.clone();
    if !needs.tokens.is_empty() {
        accounts.extend(book.sessions.values().map(|session| session.account));
    }
    let missing: BTreeSet<_> =
        accounts.iter().filter(|id| !kept.customers.contains_key(id)).copied().collect();
    if !missing.is_empty() {
        kept.customers.extend(customers(on, &missing).await?);
    }
    for id in accounts {
        let Some(customer) = kept.customers.get(&id) else { continue };
        book.accounts.extend(customer.account.map(|account| (id, account)));
        book.blacklist.extend(customer.listed.as_deref().map(|listed| (id, listed.clone())));
    }
    Ok(())
}

/// PINs, and the codes that take their place.
async fn load_pins(on: &impl ConnectionTrait, needs: &Needs, book: &mut Book) -> Result<(), StoreError> {
    for ids in parts(&needs.credentials) {
        let found = credential::Entity::find().filter(credential::Column::Account.is_in(ids));
        for row in found.all(on).await? {
            let (id, credential) = convert::credential(&row)?;
            book.credentials.insert(id, credential);
        }
    }
    for ids in parts(&needs.codes) {
        let found = reset_code::Entity::find().filter(reset_code::Column::Account.is_in(ids));
        for row in found.all(on).await? {
            let (id, code) = convert::reset_code(&row)?;
            book.codes.insert(id, code);
        }
    }
    Ok(())
}

/// Every one of these numbers, with its account and its place on the blacklist where it has them.
async fn customers(
    on: &impl ConnectionTrait,
    wanted: &BTreeSet<AccountId>,
) -> Result<HashMap<AccountId, Customer>, StoreError> {
    let mut found: HashMap<_, _> = wanted.iter().map(|id| (*id, Customer::default())).collect();
    for ids in parts(wanted) {
        for row in account::Entity::find().filter(account::Column::Id.is_in(ids.clone())).all(on).await? {
            let (id, account) = convert::account(&row)?;
            found.entry(id).or_default().account = Some(account);
        }
        for row in blacklist::Entity::find().filter(blacklist::Column::Number.is_in(ids)).all(on).await? {
            let (number, listed) = convert::listed(&row)?;
            found.entry(number).or_default().listed = Some(Box::new(listed));
        }
    }
    Ok(found)
}

/// What became of keys that were used before. Most were not, which one statement tells.
async fn load_keys(on: &impl ConnectionTrait, needs: &Needs, book: &mut Book) -> Result<(), StoreError> {
    if needs.keys.is_empty() {
        return Ok(());
    }
    let keys = list(needs.keys.iter().map(|key| key.bytes().to_vec()));
    let (applied, rejected) = (journal::Column::RequestKey, rejection::Column::RequestKey);
    let mut used = journal::Entity::find()
        .select_only()
        .column(applied)
        .filter(applied.is_in(keys.clone()))
        .into_query();
    let rejections = rejection::Entity::find().select_only().column(rejected).filter(rejected.is_in(keys));
    let used = on.query_all(used.union(UnionType::All, rejections.into_query())).await?;
    if used.is_empty() {
        return Ok(());
    }
    let used = used.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<Vec<u8>>, _>>()?;
    let used = list(used);
    for row in journal::Entity::find().filter(applied.is_in(used.clone())).all(on).await? {
        let entry = convert::entry(&row)?;
        if let Some((key, _)) = entry.request {
            book.keys.insert(key, KeyRecord::Applied(entry));
        }
    }
    for row in rejection::Entity::find().filter(rejected.is_in(used)).all(on).await? {
        let (key, record) = convert::rejection(&row)?;
        book.keys.insert(key, record);
    }
    Ok(())
}

/// Operators are few: whoever needs more than some of them gets all.
async fn load_operators(on: &impl ConnectionTrait, needs: &Needs, book: &mut Book) -> Result<(), StoreError> {
    let mut operators = operator::Entity::find();
    if needs.all_operators {
        for row in certificate::Entity::find().all(on).await? {
            let (operator, certificate) = convert::certificate(row)?;
            book.certificates.insert(operator, certificate);
        }
    } else if needs.operators.is_empty() {
        return Ok(());
    } else {
        operators = operators.filter(operator::Column::Name.is_in(list(needs.operators.iter().cloned())));
    }
    for row in operators.all(on).await? {
        let (name, operator) = convert::operator(row)?;
        book.operators.insert(name, operator);
    }
    Ok(())
}
