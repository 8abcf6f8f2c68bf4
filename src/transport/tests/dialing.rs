use super::*;
use crate::event::{Cause, Origin, Stage};
use crate::scenario::plan::{ConnectTo, IpFamily};

#[test]
fn a_port_without_listener_refuses() {
    run(async {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut http = node(format!("http://{address}").parse().unwrap());
        let end = end_of(&mut http, get("/")).await;
        let failure = end.result.unwrap_err();
        assert_eq!(
            (failure.stage, failure.cause, failure.origin),
            (Stage::Tcp, Cause::ConnectionRefused, Origin::Server)
        );
        assert_eq!(end.timings, None);
    });
}

#[test]
fn a_name_without_address_is_not_found() {
    run(async {
        let mut http = node("http://nowhere.invalid".parse().unwrap());
        let failure = failure_of(&mut http, get("/")).await;
        assert_eq!(
            (failure.stage, failure.cause),
            (Stage::Dns, Cause::NameNotFound)
        );
    });
}

#[test]
fn a_name_is_resolved_and_the_time_for_it_told() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::Close)).await;
        let url = format!("http://localhost:{}", server.address.port());
        let mut dial = dial_settings(url.parse().unwrap());
        dial.ip_family = Some(IpFamily::V4);
        let end = end_of(&mut http_by(&dial, Profile::Node), get("/")).await;
        assert!(end.timings.unwrap().dns.is_some());
        let host = format!("Host: localhost:{}\r\n", server.address.port());
        assert!(server.seen(0).contains(&host));
    });
}

#[test]
fn an_address_of_the_wrong_family_is_not_dialed() {
    run(async {
        let mut dial = dial_settings("http://127.0.0.1:9".parse().unwrap());
        dial.ip_family = Some(IpFamily::V6);
        let failure = failure_of(&mut http_by(&dial, Profile::Node), get("/")).await;
        assert_eq!(
            (failure.stage, failure.origin),
            (Stage::Dns, Origin::Scenario)
        );
    });
}

#[test]
fn clients_connect_from_the_source_address_of_their_number() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::Close)).await;
        let mut dial = dial_settings(server.url());
        dial.source_addresses = ["127.0.1.1", "127.0.1.2"]
            .map(|ip| ip.parse().unwrap())
            .into();
        let dialer = Dialer::new(&dial, Rc::default()).unwrap();
        for client in 0..4 {
            dialer.dial(client).await.unwrap();
        }
        let from: Vec<_> = server
            .peers
            .borrow()
            .iter()
            .map(|peer| peer.ip().to_string())
            .collect();
        assert_eq!(from, ["127.0.1.1", "127.0.1.2", "127.0.1.1", "127.0.1.2"]);
    });
}

#[test]
fn a_source_address_of_another_machine_is_the_scenarios_fault() {
    run(async {
        let mut dial = dial_settings("http://127.0.0.1:9".parse().unwrap());
        dial.source_addresses = vec!["192.0.2.1".parse().unwrap()];
        let failure = failure_of(&mut http_by(&dial, Profile::Node), get("/")).await;
        assert_eq!(
            (failure.stage, failure.origin),
            (Stage::Tcp, Origin::Scenario)
        );
        assert!(failure.message.unwrap().contains("192.0.2.1"));
    });
}

#[test]
fn connect_to_leads_elsewhere_but_the_host_header_stays() {
    run(async {
        let server = Server::start(|_, _| (ok("x"), Then::Close)).await;
        let mut dial = dial_settings("http://far.test:81".parse().unwrap());
        dial.connect_to = vec![ConnectTo {
            from_host: Some("far.test".into()),
            from_port: None,
            to_host: Some("127.0.0.1".into()),
            to_port: Some(server.address.port()),
        }];
        response_to(&mut http_by(&dial, Profile::Node), get("/")).await;
        assert!(server.seen(0).contains("Host: far.test:81\r\n"));
    });
}

#[test]
fn a_proxy_opens_a_tunnel_and_the_request_goes_through_it() {
    run(async {
        let proxy = Server::start(|_, request| match request.starts_with("CONNECT") {
            true => (
                b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec(),
                Then::KeepAlive,
            ),
            false => (ok("through"), Then::Close),
        })
        .await;
        let mut dial = dial_settings("http://far.test".parse().unwrap());
        dial.proxy = Some(format!("http://u:p@{}", proxy.address).parse().unwrap());
        let mut http = http_by(&dial, Profile::Node);
        assert_eq!(response_to(&mut http, get("/x")).await.body, "through");
        assert_eq!(
            proxy.seen(0),
            "CONNECT far.test:80 HTTP/1.1\r\nHost: far.test:80\r\n\
             Proxy-Authorization: Basic dTpw\r\n\r\n"
        );
        assert!(proxy.seen(1).starts_with("GET /x "));
    });
}

#[test]
fn a_proxy_that_refuses_is_told_from_a_server_that_does() {
    run(async {
        let proxy = Server::start(|_, _| (response("403 No", "", b""), Then::Close)).await;
        let mut dial = dial_settings("http://far.test".parse().unwrap());
        dial.proxy = Some(proxy.url());
        let failure = failure_of(&mut http_by(&dial, Profile::Node), get("/")).await;
        assert_eq!(
            (failure.stage, failure.cause, failure.status),
            (Stage::Tcp, Cause::ProxyFailed, Some(403))
        );
    });
}

#[test]
fn settings_that_cannot_work_are_refused_before_the_first_connection() {
    let refused = |change: fn(&mut DialSettings)| {
        let mut dial = dial_settings("https://far.test".parse().unwrap());
        change(&mut dial);
        Dialer::new(&dial, Rc::default()).err().unwrap()
    };
    assert!(matches!(
        refused(|dial| dial.url = "ftp://far.test".parse().unwrap()),
        TransportError::Url { .. }
    ));
    assert!(matches!(
        refused(|dial| dial.proxy = Some("socks5://far.test".parse().unwrap())),
        TransportError::Proxy { .. }
    ));
    assert!(matches!(
        refused(|dial| dial.tls.ca = Some("no/such/file.pem".into())),
        TransportError::Pem { .. }
    ));
    assert!(matches!(
        refused(|dial| dial.tls.cert = Some("no/such/file.pem".into())),
        TransportError::HalfIdentity
    ));
}
