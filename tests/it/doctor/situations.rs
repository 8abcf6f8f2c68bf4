//! What people meet around Socket.IO servers and report.

use serde_json::{Value, json};

use super::diagnosis::{Diagnosis, diagnose};
use super::program::{haproxy, nginx, situation};
use crate::harness::{Kind, RealServer};

const FORWARD: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $http_connection;";

fn meet(name: &str, variables: &[(&str, &str)], flags: &[&str]) -> Diagnosis {
    diagnose(&situation(name, variables).url(), flags)
}

/// A server of these options behind a proxy of `situations.cjs`.
fn behind(name: &str, options: Value, variables: &[(&str, &str)]) -> Diagnosis {
    let server = RealServer::start(Kind::SocketIo4, options);
    let port = server.address().port().to_string();
    let mut all = vec![("TO", port.as_str())];
    all.extend_from_slice(variables);
    meet(name, &all, &[])
}

/// A server of these options behind nginx with this in its `location`.
fn behind_nginx(options: Value, location: &str, flags: &[&str]) -> Option<Diagnosis> {
    let server = RealServer::start(Kind::SocketIo4, options);
    let front = nginx(&format!(
        "limit_req_zone $binary_remote_addr zone=r:1m rate=5r/s;
         proxy_cache_path cache keys_zone=z:1m;
         server {{ listen 127.0.0.1:{{port}};
           location / {{ {location} {FORWARD} proxy_pass http://{}; }} }}",
        server.address()
    ))?;
    Some(diagnose(&front.url(), flags))
}

fn seen<'a>(diagnosis: &'a Diagnosis, code: &str) -> &'a str {
    diagnosis.finding(code)["seen"].as_str().unwrap()
}

#[test]
fn clients_that_are_thrown_out_late_are_told() {
    for (name, after) in [("kick", "300"), ("kick_all", "1000"), ("kick", "3000")] {
        let diagnosis = meet(name, &[("AFTER", after)], &[]);
        diagnosis.assert_problem("SIO-154");
        assert!(seen(&diagnosis, "SIO-154").contains("disconnected the client"));
    }
}

#[test]
fn clients_that_are_thrown_out_are_told_with_a_watch_too() {
    let diagnosis = meet("kick_all", &[("AFTER", "5000")], &["--watch", "8s"]);
    diagnosis.assert_problem("SIO-154");
}

#[test]
fn one_session_per_login_is_told_from_clients_that_are_thrown_out() {
    let diagnosis = meet(
        "one_per_login",
        &[],
        &["--auth", "{\"token\":\"t\"}", "--watch", "1s"],
    );
    diagnosis.assert_only(&[]);
    assert!(diagnosis.has("SIO-157"), "{diagnosis:?}");
}

#[test]
fn frames_that_are_held_after_the_first_are_told() {
    for pass in ["1", "2", "3"] {
        let diagnosis = behind("frames_held", json!({}), &[("PASS", pass)]);
        diagnosis.assert_problem("SIO-207");
    }
}

#[test]
fn an_upgrade_that_takes_longer_than_the_server_allows_is_told() {
    let options = json!({ "upgradeTimeout": 400 });
    let diagnosis = behind("latency", options, &[("AFTER", "400")]);
    diagnosis.assert_problem("SIO-206");
    assert_eq!(diagnosis.report["is_stuck"], true);
}

#[test]
fn a_ping_timeout_below_the_round_trip_is_told_without_a_watch() {
    let options = json!({ "pingInterval": 2000, "pingTimeout": 100 });
    let diagnosis = behind("latency", options, &[("AFTER", "100")]);
    diagnosis.assert_problem("SIO-217");
    let options = json!({ "pingInterval": 25, "pingTimeout": 20_000 });
    let server = RealServer::start(Kind::SocketIo4, options);
    diagnose(&server.url(), &[]).assert_problem("SIO-218");
}

#[test]
fn a_middleware_beyond_the_connect_timeout_is_told_from_another_parser() {
    let options = [("OPTIONS", "{\"connectTimeout\":1500}"), ("AFTER", "4000")];
    let diagnosis = meet("slow_middleware", &options, &[]);
    diagnosis.assert_problem("SIO-158");
}

#[test]
fn a_slow_middleware_is_slow_and_not_silent() {
    let diagnosis = meet("slow_middleware", &[("AFTER", "6000")], &[]);
    diagnosis.assert_problem("SIO-159");
    assert!(!diagnosis.has("SIO-153"));
}

#[test]
fn a_second_upgrade_listener_is_named() {
    let diagnosis = meet("second_listener", &[], &[]);
    diagnosis.assert_problem("SIO-208");
}

#[test]
fn compression_whose_header_is_lost_is_told() {
    let options = json!({ "perMessageDeflate": { "threshold": 0 } });
    let location = "proxy_hide_header Sec-WebSocket-Extensions;";
    let Some(diagnosis) = behind_nginx(options, location, &[]) else {
        return;
    };
    diagnosis.assert_problem("SIO-209");
}

#[test]
fn a_redirect_shows_its_target_and_the_path_behind_it_can_be_examined() {
    let server = situation("redirect", &[]);
    let diagnosis = diagnose(&server.url(), &["--path", "/api/socket.io"]);
    diagnosis.assert_problem("SIO-149");
    assert!(seen(&diagnosis, "SIO-149").contains("redirects to /api/socket.io?"));
    assert!(seen(&diagnosis, "SIO-146").contains("addTrailingSlash: false"));
    let flags = ["--path", "/api/socket.io", "--no-trailing-slash"];
    diagnose(&server.url(), &flags).assert_only(&[]);
}

#[test]
fn connections_that_end_at_once_are_told_from_timeouts() {
    let diagnosis = meet("closed_at_once", &[], &[]);
    diagnosis.assert_problem("SIO-113");
    let cause = diagnosis.finding("SIO-113")["cause"].to_string();
    assert!(cause.contains("nothing stands behind the port"), "{cause}");
}

#[test]
fn a_proxy_header_that_the_server_does_not_expect_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let sends = format!(
        "defaults
           mode tcp
           timeout connect 5s
           timeout client 60s
           timeout server 60s
         listen in
           bind 127.0.0.1:{{port}}
           server a {} send-proxy\n",
        server.address()
    );
    let Some(front) = haproxy(&sends) else { return };
    let diagnosis = diagnose(&front.url(), &[]);
    let cause = diagnosis.finding("SIO-133")["cause"].to_string();
    assert!(cause.contains("PROXY protocol"), "{cause}");
}

#[test]
fn authentication_in_front_is_told_with_its_challenge() {
    let location = "auth_basic staging; auth_basic_user_file missing;";
    let Some(diagnosis) = behind_nginx(json!({}), location, &[]) else {
        return;
    };
    diagnosis.assert_problem("SIO-140");
    assert!(seen(&diagnosis, "SIO-140").contains("WWW-Authenticate: Basic"));
}

#[test]
fn what_a_rate_limit_refuses_proves_nothing() {
    let location = "limit_req zone=r burst=3 nodelay; limit_req_status 429;";
    let Some(diagnosis) = behind_nginx(json!({}), location, &[]) else {
        return;
    };
    diagnosis.assert_problem("SIO-197");
    for code in ["SIO-136", "SIO-205"] {
        assert!(!diagnosis.has(code), "{code}: {diagnosis:?}");
    }
}

#[test]
fn a_cache_that_is_keyed_on_the_url_is_no_alarm_and_one_that_drops_the_query_is_one() {
    let cache = "proxy_cache z; proxy_cache_valid 200 60s;
         proxy_ignore_headers Cache-Control Expires Set-Cookie;";
    let by_url = format!("{cache} proxy_cache_key $uri$is_args$args;");
    let Some(diagnosis) = behind_nginx(json!({}), &by_url, &[]) else {
        return;
    };
    diagnosis.assert_only(&[]);
    let by_path = format!("{cache} proxy_cache_key $uri$arg_transport$arg_sid;");
    let Some(diagnosis) = behind_nginx(json!({}), &by_path, &[]) else {
        return;
    };
    diagnosis.assert_problem("SIO-194");
}

#[test]
fn a_query_that_is_lost_on_the_way_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = nginx(&format!(
        "server {{ listen 127.0.0.1:{{port}};
           location / {{ set $args \"\"; {FORWARD} proxy_pass http://{}; }} }}",
        server.address()
    ));
    let Some(front) = front else { return };
    diagnose(&front.url(), &[]).assert_problem("SIO-139");
}

#[test]
fn a_post_that_is_refused_on_the_way_is_told() {
    let location = "limit_except GET { deny all; }";
    let Some(diagnosis) = behind_nginx(json!({}), location, &[]) else {
        return;
    };
    diagnosis.assert_problem("SIO-195");
}

#[test]
fn a_page_that_answers_the_websocket_is_told() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let front = nginx(&format!(
        "server {{ listen 127.0.0.1:{{port}};
           location /socket.io/ {{
             error_page 418 = @io; if ($arg_transport = polling) {{ return 418; }}
             default_type text/html; return 200 \"<html><title>App</title></html>\"; }}
           location @io {{ proxy_pass http://{}; }} }}",
        server.address()
    ));
    let Some(front) = front else { return };
    let diagnosis = diagnose(&front.url(), &[]);
    diagnosis.assert_problem("SIO-196");
    assert!(!diagnosis.has("SIO-138"), "{diagnosis:?}");
}

#[test]
fn an_url_with_the_path_and_the_keys_of_the_engine_is_understood() {
    let server = RealServer::start(Kind::SocketIo4, json!({ "namespaces": ["/"] }));
    let url = format!("{}/socket.io/?EIO=4&transport=websocket", server.url());
    diagnose(&url, &[]).assert_problem("SIO-156");
    diagnose(&url, &["--namespace", "/"]).assert_only(&[]);
}

#[test]
fn a_server_of_http_2_alone_is_told() {
    meet("http2", &[], &[]).assert_problem("SIO-129");
}

#[test]
fn python_without_websocket_is_told_from_a_proxy_that_strips_headers() {
    let options = json!({ "transports": ["polling"] });
    let server = RealServer::start(Kind::PythonAiohttp, options);
    diagnose(&server.url(), &[]).assert_problem("SIO-202");
}

#[test]
fn a_secure_page_and_a_plain_server_are_mixed_content() {
    let server = RealServer::start(Kind::SocketIo4, json!({}));
    let flags = ["--origin", "https://app.example.com/"];
    diagnose(&server.url(), &flags).assert_problem("SIO-189");
}

#[test]
fn limits_of_proxies_below_a_large_limit_of_the_server_are_found() {
    let options = json!({ "maxHttpBufferSize": 100_000_000 });
    let Some(diagnosis) = behind_nginx(options, "", &["--watch", "1s"]) else {
        return;
    };
    diagnosis.assert_problem("SIO-214");
}
