//! Accounts made at the console.

use crate::world::{GOOD, World, rules};
use countersign_core::{
    authority::OperatorAuthority, email::EmailError, password::PasswordError, phone::PhoneNumber, role::Role,
    text::TextError,
};
use countersign_flows::{
    accounts::{self, Created},
    identity, members,
    sign_in::PasswordOutcome,
};
use countersign_store::phones;

async fn create(world: &World, email: &str, name: &str, organization: &str, password: &str) -> Created {
    accounts::create_owner(&world.s, OperatorAuthority::at_the_console(), email, name, organization, password)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_owner_is_created_with_an_organization_or_told_what_is_wrong() {
    let world = World::empty(rules()).await;
    let wrong = [
        (("ida", "Ida Roth", "Quay", GOOD), Created::Email(EmailError::Malformed)),
        (("ida@quay.example", " ", "Quay", GOOD), Created::Name(TextError::Empty)),
        (("ida@quay.example", "Ida Roth", "Qu\nay", GOOD), Created::Organization(TextError::Unprintable)),
        (("ida@quay.example", "Ida Roth", "Quay", "short"), Created::Password(PasswordError::TooShort)),
        (
            ("ida@quay.example", "Ida Roth", "Quay Cartographers", "quaycartographers1"),
            Created::Password(PasswordError::Guessable),
        ),
    ];
    for ((email, name, organization, password), expected) in wrong {
        assert_eq!(create(&world, email, name, organization, password).await, expected);
    }
    assert!(world.user("ida@quay.example").await.is_none());

    let Created::Done(id) = create(&world, "Ida@Quay.example", " Ida  Roth", "Quay", GOOD).await else {
        panic!("not created")
    };
    assert_eq!(create(&world, "ida@quay.example", "Other", "Other", GOOD).await, Created::EmailTaken);
    let ida = world.user("ida@quay.example").await.unwrap();
    assert_eq!((ida.id, ida.name.as_str()), (id, "Ida Roth"));
    assert!(matches!(world.password("ida@quay.example", GOOD).await, PasswordOutcome::Challenged { .. }));
    let memberships =
        world.s.store.read(move |tx| countersign_store::members::of_user(tx, id)).await.unwrap();
    let roles: Vec<_> = memberships.iter().map(|m| (m.organization_name.as_str(), m.role)).collect();
    assert_eq!(roles, [("Quay", Role::Owner)]);
}

#[tokio::test]
async fn the_demonstration_is_made_once_and_everybody_in_it_can_sign_in() {
    let world = World::empty(rules()).await;
    let people =
        accounts::demonstration(&world.s, OperatorAuthority::at_the_console()).await.unwrap().unwrap();
    let roles: Vec<_> = people.iter().map(|person| person.role).collect();
    assert_eq!(roles, [Role::Owner, Role::Admin, Role::Member, Role::Member, Role::Member]);
    for person in &people {
        let groups: Vec<_> = person.password.split('-').map(str::len).collect();
        assert_eq!(groups, [5, 5, 5, 5], "{}", person.password);
        let outcome = world.password(&person.email, &person.password).await;
        assert!(matches!(outcome, PasswordOutcome::Challenged { .. }), "{}: {outcome:?}", person.email);
    }
    let first = people.iter().map(|person| person.password.clone()).collect::<std::collections::HashSet<_>>();
    assert_eq!(first.len(), 5);

    let mut with_phone = Vec::new();
    for person in &people {
        let id = world.user(&person.email).await.unwrap().id;
        if let Some(phone) = world.s.store.read(move |tx| phones::of_user(tx, id)).await.unwrap() {
            let number: PhoneNumber = phone.number.parse().unwrap();
            assert_eq!(number.as_str(), phone.number);
            with_phone.push(person.name.as_str());
        }
    }
    assert_eq!(with_phone, ["Mia Lund"]);
    assert!(accounts::demonstration(&world.s, OperatorAuthority::at_the_console()).await.unwrap().is_none());
}

#[tokio::test]
async fn two_servers_that_start_at_once_make_one_demonstration() {
    let world = World::empty(rules()).await;
    let (one, other) = tokio::join!(
        accounts::demonstration(&world.s, OperatorAuthority::at_the_console()),
        accounts::demonstration(&world.s, OperatorAuthority::at_the_console())
    );
    let made = [one.unwrap(), other.unwrap()];
    assert_eq!(made.iter().flatten().count(), 1);
}

#[tokio::test]
async fn whoever_was_made_is_a_member_of_the_organization() {
    let world = World::new().await;
    let session = world.session(&world.olivia()).await.0;
    let who = identity::who(&world.s, &countersign_core::session::Session::Own(session)).await.unwrap();
    assert_eq!(who.organization.as_deref(), Some("Harbour & Pine"));
    assert_eq!(who.runs.map(|run| run.role), Some(Role::Owner));
    let session = world.session(&world.olivia()).await.0;
    let names: Vec<_> = members::list(&world.s, &session).await.unwrap().unwrap();
    let names: Vec<_> = names.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["Adam Berg", "Ben Okafor", "Chloe Martin", "Mia Lund", "Olivia Hart"]);
}
