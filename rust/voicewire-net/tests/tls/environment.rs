//! Trust that the environment decides.

use std::io::Write;
use std::process::{Command, Stdio};

use voicewire_net::target::TlsOptions;

use crate::server::{connect, target, Identity, Server, TemporaryFile};

const CHILD_PORT: &str = "VOICEWIRE_TEST_TLS_PORT";

/// The environment belongs to the whole process, so each case is a process of its own.
#[tokio::test]
async fn ssl_cert_file_is_honoured() {
    let leaf = Server::start(Identity::of("localhost")).await;
    let authority = Server::start(Identity::authority(&["localhost"])).await;
    let empty = TemporaryFile::new("empty", "");
    for server in [leaf, authority] {
        let file = TemporaryFile::new("roots", &server.identity.certificate);
        assert_eq!(connect_in_child(server.port, &file.path).await, "open");
        // No roots at all: the bundled ones take their place, and do not know this server.
        let text = connect_in_child(server.port, &empty.path).await;
        assert!(text.contains("certificate not trusted"), "{text}");
    }
}

#[tokio::test]
#[ignore = "the child of ssl_cert_file_is_honoured"]
async fn child_connects_to_the_port_in_its_environment() {
    let port = std::env::var(CHILD_PORT).unwrap().parse().unwrap();
    let result = connect(&target("localhost", port, TlsOptions::default())).await;
    let text = result.map_or_else(|error| error.to_string(), |_| "open".to_owned());
    writeln!(std::io::stderr(), "{text}").unwrap();
}

async fn connect_in_child(port: u16, cert_file: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "environment::child_connects_to_the_port_in_its_environment"])
        .args(["--ignored", "--nocapture"])
        .env(CHILD_PORT, port.to_string())
        .env("SSL_CERT_FILE", cert_file)
        .env_remove("SSL_CERT_DIR")
        .stdout(Stdio::null());
    let child = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    String::from_utf8(child.stderr).unwrap().trim().to_owned()
}
