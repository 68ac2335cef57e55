//! Members, as administrators see them.

use crate::world::{GOOD, MINUTE, Person, World, origin};
use countersign_core::{
    authority::{LoginAsRefusal, OperatorAuthority},
    role::Role,
    session::Session,
};
use countersign_flows::{
    accounts::{self, Created},
    applications, identity,
    login_as::{self, LoginAsOutcome},
    members::{self, Seen},
    step_up,
};
use countersign_store::{Tx, members as table};

#[tokio::test]
async fn members_see_nobody() {
    let world = World::new().await;
    let session = world.session(&world.mia()).await.0;
    assert!(members::list(&world.s, &session).await.unwrap().is_none());
    assert!(matches!(members::one(&world.s, &session, world.ben().id).await.unwrap(), Seen::Forbidden));
}

#[tokio::test]
async fn nobody_sees_into_another_organization() {
    let world = World::new().await;
    let operator = OperatorAuthority::at_the_console();
    let made = accounts::create_owner(&world.s, operator, "ida@quay.example", "Ida Roth", "Quay", GOOD).await;
    let Created::Done(id) = made.unwrap() else { panic!("not created") };
    let session = world.session(&world.olivia()).await.0;
    assert!(matches!(members::one(&world.s, &session, id).await.unwrap(), Seen::NotFound));
    let ida = Person { id, email: "ida@quay.example".into(), password: GOOD.into() };
    let session = world.session(&ida).await.0;
    let names = members::list(&world.s, &session).await.unwrap().unwrap();
    assert_eq!(names.iter().map(|member| member.id).collect::<Vec<_>>(), [id]);
    assert!(matches!(members::one(&world.s, &session, world.mia().id).await.unwrap(), Seen::NotFound));
}

/// Who is a member here and runs another organization is led to the one that they run, everywhere alike.
#[tokio::test]
async fn of_several_organizations_the_one_that_is_run_counts() {
    let world = World::new().await;
    let operator = OperatorAuthority::at_the_console();
    let made = accounts::create_owner(&world.s, operator, "ida@quay.example", "Ida Roth", "Quay", GOOD).await;
    let Created::Done(ida) = made.unwrap() else { panic!("not created") };
    let (mia, now) = (world.mia().id, world.s.now().plus(MINUTE));
    let quay = world.s.store.read(move |tx| table::of_user(tx, ida)).await.unwrap()[0].organization;
    let joins = move |tx: &mut Tx<'_>| {
        table::add(tx, &OperatorAuthority::at_the_console(), quay, mia, Role::Admin, now)
    };
    world.s.store.write(joins).await.unwrap();
    let session = world.session(&world.mia()).await.0;
    let who = identity::who(&world.s, &Session::Own(session)).await.unwrap();
    assert_eq!(who.organization.as_deref(), Some("Harbour & Pine"));
    assert_eq!(who.runs.map(|run| run.organization), Some(quay));
    let session = world.session(&world.mia()).await.0;
    let members = members::list(&world.s, &session).await.unwrap().unwrap();
    assert_eq!(members.len(), 2);
    let authority = applications::authority(&world.s, &session).await.unwrap().unwrap().unwrap();
    assert_eq!(authority.organization(), quay);
}

#[tokio::test]
async fn what_is_offered_is_what_login_as_decides() {
    let world = World::new().await;
    world.disable(&world.ben());
    let people = [world.olivia(), world.adam(), world.mia(), world.ben()];
    let mut offers = Vec::new();
    for actor in [world.olivia(), world.adam()] {
        for subject in &people {
            let session = world.session(&actor).await.0;
            let seen = members::one(&world.s, &session, subject.id).await.unwrap();
            let Seen::Found { member, may_log_in_as } = seen else { panic!("{seen:?}") };
            assert_eq!(member.id, subject.id);
            let authority = step_up::login_as_authority(&world.s, &session).unwrap();
            let begun =
                login_as::begin(&world.s, authority, subject.id, "a question", &origin()).await.unwrap();
            match begun {
                LoginAsOutcome::Begun { .. } => assert_eq!(may_log_in_as, Ok(())),
                LoginAsOutcome::Refused(refusal) => assert_eq!(may_log_in_as, Err(refusal)),
                other => panic!("{other:?}"),
            }
            offers.push(may_log_in_as);
        }
    }
    let (rank, inactive) = (Err(LoginAsRefusal::Rank), Err(LoginAsRefusal::Inactive));
    assert_eq!(offers, [rank, Ok(()), Ok(()), inactive, rank, rank, Ok(()), inactive]);
}
