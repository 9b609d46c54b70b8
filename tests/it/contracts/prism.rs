//! Prism answers for Twilio by its published document alone: 201 and an example for what
//! the document takes, 422 for anything else.

use std::process::Command;

use super::twilio::{ACCOUNT, TOKEN, carrier};
use super::{Served, client, gateway_of, script};
use crate::gateway::{SOON, until};
use crate::ports::free_port;

async fn prism() -> Served {
    let port = free_port().to_string();
    let program = script("prism/node_modules/@stoplight/prism-cli/dist/index.js");
    assert!(program.exists(), "run ./test: it installs Prism");
    let mut command = Command::new("node");
    command.arg(program).args(["mock", "--host", "127.0.0.1", "--port", &port, "--multiprocess", "false", "--errors"]);
    command.arg(script("api_v2010_msg_call.json"));
    Served::spawned(command, &format!("http://127.0.0.1:{port}"), "/", client()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_takes_every_request() {
    let prism = prism().await;
    let gateway = gateway_of(&carrier(&prism.url, "machine_detection = true")).start();
    let numbers = [gateway.number(), "+447400123456".to_owned(), "+919820012345".to_owned(), gateway.number()];
    for (n, number) in numbers.iter().enumerate() {
        gateway.secret(&number[1..]);
        let id = if n == 3 { gateway.call(number).await } else { gateway.start(number).await };
        let attempt = until(SOON, "an answer", || async {
            let attempt = gateway.verification(&id).await["deliveries"][0]["attempts"][0].clone();
            attempt["state"].as_str().is_some_and(|state| state != "submitting").then_some(attempt)
        })
        .await;
        assert_eq!(attempt["state"], "submitted", "{attempt}");
    }
    // It would have said no.
    let messages = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages.json", prism.url);
    let wrong =
        client().post(messages).basic_auth(ACCOUNT, Some(TOKEN)).form(&[("Body", "x"), ("From", "+14155550100")]);
    assert_eq!(wrong.send().await.unwrap().status(), 422);
}
