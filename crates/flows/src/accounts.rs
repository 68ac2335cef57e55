//! Accounts that come from the server's own console: the first owner, and the people of the demonstration.

use crate::{Fault, Services, activity, hashing::Share};
use countersign_core::{
    Entropy, Timestamp,
    ambient::random,
    authority::OperatorAuthority,
    email::{EmailAddress, EmailError},
    event::{Detail, EventKind, Origin},
    ids::{AuthenticatorId, OrganizationId, UserId},
    password::{PasswordError, PlainPassword},
    public_name::public_name,
    role::Role,
    text::{TextError, short_text},
};
use countersign_store::{
    StoreError, StoreResult, Tx, members, phones,
    users::{self, NewUser},
};

/// A person's and an organization's name have at most this many characters.
pub const NAME_LENGTH: usize = 80;

/// What became of a request to create an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The account and its organization exist.
    Done(UserId),
    /// Another account has the address.
    EmailTaken,
    /// Not an address.
    Email(EmailError),
    /// Not a name.
    Name(TextError),
    /// Not an organization's name.
    Organization(TextError),
    /// Not a password that can be chosen.
    Password(PasswordError),
}

/// Somebody made up for the demonstration. The password is in nothing else but this.
pub struct DemoPerson {
    /// Their role in the organization.
    pub role: Role,
    /// The address under which they sign in.
    pub email: String,
    /// Their password.
    pub password: String,
    /// Their name.
    pub name: String,
}

/// The demonstration's organization.
const ORGANIZATION: &str = "Harbour & Pine";

/// Its people: name, the part of the address before the `@`, role, confirmed phone. The number is one that Ofcom keeps for
/// fiction (020 7946 0000 to 0999); those that it keeps among mobiles are in no numbering plan, and so not valid here.
const PEOPLE: [(&str, &str, Role, Option<&str>); 5] = [
    ("Olivia Hart", "olivia.hart", Role::Owner, None),
    ("Adam Berg", "adam.berg", Role::Admin, None),
    ("Mia Lund", "mia.lund", Role::Member, Some("+442079460142")),
    ("Ben Okafor", "ben.okafor", Role::Member, None),
    ("Chloe Martin", "chloe.martin", Role::Member, None),
];

/// Creates an account with an organization of its own, which it owns.
pub async fn create_owner(
    s: &Services,
    operator: OperatorAuthority,
    email: &str,
    name: &str,
    organization: &str,
    password: &str,
) -> Result<Created, Fault> {
    let email = match email.parse::<EmailAddress>() {
        Ok(email) => email,
        Err(error) => return Ok(Created::Email(error)),
    };
    let name = match short_text(name, NAME_LENGTH) {
        Ok(name) => name,
        Err(error) => return Ok(Created::Name(error)),
    };
    let organization = match public_name(organization, NAME_LENGTH) {
        Ok(organization) => organization,
        Err(error) => return Ok(Created::Organization(error)),
    };
    let context = [email.as_str(), &name, &organization, &s.rules.service_name];
    let password = match PlainPassword::chosen(password, &context) {
        Ok(password) => password,
        Err(error) => return Ok(Created::Password(error)),
    };
    let password_hash = Some(s.hashing.hash(Share::operator(), password).await?);
    let now = s.now();
    let id = UserId::generate(now, &*s.entropy);
    let organization_id = OrganizationId::generate(now, &*s.entropy);
    let owner = NewUser { id, email, name, password_hash };
    let created = s
        .store
        .write(move |tx| {
            if !users::create(tx, &operator, &owner, now)? {
                return Ok(false);
            }
            members::create_organization(tx, &operator, organization_id, &organization, now)?;
            join(tx, &operator, organization_id, id, Role::Owner, now)?;
            Ok(true)
        })
        .await?;
    Ok(if created { Created::Done(id) } else { Created::EmailTaken })
}

/// The demonstration before it is stored.
pub struct Demonstration {
    /// The id that its organization gets.
    pub organization: OrganizationId,
    /// Its people, with their passwords.
    pub people: [DemoPerson; 5],
}

/// Makes the demonstration's organization and its five people, all of it in one write: there is never half of it. `None`
/// where there is an owner already.
pub async fn demonstration(
    s: &Services,
    operator: OperatorAuthority,
) -> Result<Option<Vec<DemoPerson>>, Fault> {
    let Some(demonstration) = draft_demonstration(s).await? else { return Ok(None) };
    let created = create_demonstration(s, operator, &demonstration).await?;
    Ok(created.then(|| demonstration.people.into()))
}

/// Makes up people and passwords, of which nothing is stored yet. `None` where there is an owner already.
pub async fn draft_demonstration(s: &Services) -> Result<Option<Demonstration>, Fault> {
    if s.store.read(members::any_owner).await? {
        return Ok(None);
    }
    let people = PEOPLE.map(|(name, local, role, _)| DemoPerson {
        role,
        email: format!("{local}@harbour-pine.example"),
        password: generated_password(&*s.entropy),
        name: name.to_owned(),
    });
    Ok(Some(Demonstration { organization: OrganizationId::generate(s.now(), &*s.entropy), people }))
}

/// Whether a demonstration with this organization is stored.
pub async fn is_demonstration(s: &Services, organization: OrganizationId) -> Result<bool, Fault> {
    let name = s.store.read(move |tx| members::organization_name(tx, organization)).await?;
    Ok(name.is_some())
}

/// Stores a demonstration in one write. `false` where there is an owner already: then nothing is stored.
pub async fn create_demonstration(
    s: &Services,
    operator: OperatorAuthority,
    demonstration: &Demonstration,
) -> Result<bool, Fault> {
    let (organization, people) = (demonstration.organization, &demonstration.people);
    let hashes = hash_all(s, people).await?;
    let (now, entropy) = (s.now(), &*s.entropy);
    let mut drafts = Vec::with_capacity(people.len());
    for ((person, password_hash), (.., number)) in people.iter().zip(hashes).zip(PEOPLE) {
        let email = person.email.parse().map_err(|_| Fault::Internal("a made-up address".into()))?;
        let id = UserId::generate(now, entropy);
        let user = NewUser { id, email, name: person.name.clone(), password_hash: Some(password_hash) };
        let phone = number.map(|number| (AuthenticatorId::generate(now, entropy), number));
        drafts.push((user, person.role, phone));
    }
    s.store
        .write(move |tx| {
            // Two servers may start on one database at once.
            if members::any_owner(tx)? {
                return Ok(false);
            }
            members::create_organization(tx, &operator, organization, ORGANIZATION, now)?;
            for (user, role, phone) in &drafts {
                if !users::create(tx, &operator, user, now)? {
                    return Err(StoreError::Refused(format!("{} has an account already", user.email)));
                }
                join(tx, &operator, organization, user.id, *role, now)?;
                if let Some((phone, number)) = phone {
                    phones::set_by_operator(tx, &operator, user.id, *phone, number, now)?;
                }
            }
            Ok(true)
        })
        .await
        .map_err(Into::into)
}

/// Makes the new account a member, and writes down that it was created: at the console, and so from this machine.
fn join(
    tx: &mut Tx<'_>,
    operator: &OperatorAuthority,
    organization: OrganizationId,
    user: UserId,
    role: Role,
    now: Timestamp,
) -> StoreResult<()> {
    members::add(tx, operator, organization, user, role, now)?;
    activity::record(tx, user, EventKind::AccountCreated, Detail::default(), Origin::console(), now)
}

/// Two at a time, which the smallest pool that can be configured admits.
async fn hash_all(s: &Services, people: &[DemoPerson]) -> Result<Vec<String>, Fault> {
    let hash = async |person: &DemoPerson| {
        let typed = PlainPassword::typed(&person.password).map_err(|e| Fault::Internal(e.to_string()))?;
        s.hashing.hash(Share::operator(), typed).await
    };
    let mut hashes = Vec::with_capacity(people.len());
    for pair in people.chunks(2) {
        match pair {
            [one, other] => hashes.extend(<[String; 2]>::from(tokio::try_join!(hash(one), hash(other))?)),
            rest => {
                for person in rest {
                    hashes.push(hash(person).await?);
                }
            }
        }
    }
    Ok(hashes)
}

/// 100 random bits: twenty letters and digits without look-alikes, in groups of five.
fn generated_password(entropy: &dyn Entropy) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let drawn: [u8; 20] = random(entropy);
    // 256 is a multiple of 32: every character is as likely as any other.
    let characters = drawn.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    characters.chunks(5).map(String::from_iter).collect::<Vec<_>>().join("-")
}
