//! Organizations and who belongs to them.

use crate::harness::{HOUR, NOW, later, on_both};
use countersign_core::{
    authority::OperatorAuthority,
    ids::{AuthenticatorId, OrganizationId},
    role::Role,
};
use countersign_otp::TimeStep;
use countersign_store::{apps, members, phones};

#[tokio::test]
async fn members_are_listed_by_name_with_what_they_have() {
    on_both(async |w| {
        let (mia, ole) = (w.person("mia@example.com").await, w.person("ole@example.com").await);
        let stranger = w.person("eve@example.com").await;
        w.sql("UPDATE users SET name = 'åse' WHERE email = 'ole@example.com'");
        let [here, there] = [NOW, later(HOUR)].map(|at| OrganizationId::generate(at, &*w.entropy));
        let ids = [NOW, NOW].map(|at| AuthenticatorId::generate(at, &*w.entropy));
        assert!(!w.read(members::any_owner).await);
        let authority = mia.authority();
        w.write(move |tx| {
            let operator = OperatorAuthority::at_the_console();
            members::create_organization(tx, &operator, here, "Harbour & Pine", NOW)?;
            members::create_organization(tx, &operator, there, "Elsewhere", NOW)?;
            members::add(tx, &operator, here, ole.user, Role::Owner, NOW)?;
            members::add(tx, &operator, there, mia.user, Role::Admin, later(HOUR))?;
            members::add(tx, &operator, here, mia.user, Role::Member, NOW)?;
            apps::insert(tx, &authority, ids[0], &[1; 20], "Phone", TimeStep::new(1), NOW)?;
            phones::set(tx, &authority, ids[1], "+4591234567", NOW)
        })
        .await;
        assert!(w.read(members::any_owner).await);

        let list = w.read(move |tx| members::list(tx, here)).await;
        let seen: Vec<_> =
            list.iter().map(|m| (m.name.as_str(), m.role, m.apps, m.phone, m.active)).collect();
        assert_eq!(seen, [("Mia Lund", Role::Member, 1, true, true), ("åse", Role::Owner, 0, false, true)]);
        assert_eq!(list[0].email, "mia@example.com");

        let one = |organization, user| w.read(move |tx| members::one(tx, organization, user));
        assert_eq!(one(here, mia.user).await.as_ref(), Some(&list[0]));
        assert_eq!(one(there, ole.user).await, None);
        assert_eq!(one(here, stranger.user).await, None);

        let mine = w.read(move |tx| members::of_user(tx, mia.user)).await;
        let names: Vec<_> = mine.iter().map(|m| (m.organization_name.as_str(), m.role)).collect();
        assert_eq!(names, [("Harbour & Pine", Role::Member), ("Elsewhere", Role::Admin)]);
    })
    .await;
}
