//! What an account has of every kind of second step.

use crate::harness::{NOW, on_both};
use crate::{apps, backup_codes};
use countersign_core::{
    authority::OperatorAuthority,
    ids::{AuthenticatorId, OrganizationId},
    role::Role,
    second_step::{
        Method, SecondSteps,
        Standing::{Absent, Disabled, Ready},
    },
};
use countersign_store::{backup_codes as codes, failures, members, phones, second_steps};

#[tokio::test]
async fn each_kind_is_absent_ready_or_disabled() {
    on_both(async |w| {
        let mia = w.person("mia@example.com").await;
        let organization = OrganizationId::generate(NOW, &*w.entropy);
        w.write(move |tx| {
            let operator = OperatorAuthority::at_the_console();
            members::create_organization(tx, &operator, organization, "Harbour & Pine", NOW)?;
            members::add(tx, &operator, organization, mia.user, Role::Member, NOW)
        })
        .await;
        let steps = || async {
            let user = w.user(mia.user).await;
            let (steps, listed) = w
                .read(move |tx| Ok((second_steps::of(tx, &user)?, members::one(tx, organization, user.id)?)))
                .await;
            assert_eq!(listed.unwrap().steps, steps, "the list of members says the same");
            steps
        };
        let disable =
            |method, name: String| w.write(move |tx| failures::record(tx, mia.user, method, &name, 1, NOW));
        let mut expected = SecondSteps {
            app: Absent,
            sms: Absent,
            email: Ready,
            backup_code: Absent,
            password_by_link: false,
        };
        assert_eq!(steps().await, expected);

        let (first, second) = (apps::add(&w, &mia, "Phone").await, apps::add(&w, &mia, "Tablet").await);
        let (phone, authority) = (AuthenticatorId::generate(NOW, &*w.entropy), mia.authority());
        w.write(move |tx| phones::set(tx, &authority, phone, "+4591234567", NOW)).await;
        let set = backup_codes::replace(&w, &mia, "A").await;
        expected =
            SecondSteps { app: Ready, sms: Ready, email: Ready, backup_code: Ready, password_by_link: false };
        assert_eq!(steps().await, expected);

        disable(Method::App, first.to_string()).await;
        assert_eq!(steps().await, expected, "one app still works");
        disable(Method::App, second.to_string()).await;
        disable(Method::Sms, phone.to_string()).await;
        disable(Method::Email, "mia@example.com".into()).await;
        disable(Method::BackupCode, set.to_string()).await;
        expected = SecondSteps {
            app: Disabled,
            sms: Disabled,
            email: Disabled,
            backup_code: Disabled,
            password_by_link: false,
        };
        assert_eq!(steps().await, expected);

        backup_codes::replace(&w, &mia, "B").await;
        assert_eq!(steps().await.backup_code, Ready);
        for n in 0..10 {
            let code = w.read(move |tx| codes::by_selector(tx, mia.user, &format!("B{n}"))).await.unwrap();
            w.write(move |tx| codes::claim(tx, mia.user, code.id, NOW)).await.unwrap();
        }
        assert_eq!(steps().await.backup_code, Absent, "all are spent");
    })
    .await;
}
