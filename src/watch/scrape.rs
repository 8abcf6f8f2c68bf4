//! One metrics endpoint, fetched over HTTP.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::ring;
use url::Url;

use super::exposition::values;
use crate::scenario::plan::SeriesSelector;

/// A server that answers later than this is asked again; what is missing meanwhile is a gap.
const ONE_SCRAPE: Duration = Duration::from_secs(5);

/// A text larger than this is no metrics page that anyone selected a few series from.
const LARGEST_PAGE: usize = 16 << 20;

/// Prefers the format that both old and new exporters know.
const ACCEPT: &str =
    "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";

/// An endpoint with what is wanted of it.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: reqwest::Client,
    url: Url,
    series: Vec<SeriesSelector>,
}

impl Endpoint {
    pub(super) fn new(url: Url, series: Vec<SeriesSelector>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("sio-load/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .timeout(ONE_SCRAPE)
            .tls_backend_preconfigured(system_authorities())
            .build()?;
        Ok(Self {
            client,
            url,
            series,
        })
    }

    /// How many series are wanted.
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// The value of each series, or why there are none.
    pub(super) async fn scrape(&self) -> Result<Vec<Option<f64>>, String> {
        let request = self.client.get(self.url.clone());
        let request = request.header(reqwest::header::ACCEPT, ACCEPT);
        let mut response = request.send().await.map_err(|error| innermost(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("status {}", status.as_u16()));
        }
        let mut page = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| innermost(&error))? {
            page.extend_from_slice(&chunk);
            if page.len() > LARGEST_PAGE {
                return Err(format!("more than {} MiB", LARGEST_PAGE >> 20));
            }
        }
        let values = values(&String::from_utf8_lossy(&page), &self.series);
        let missing = self.series.iter().zip(&values).find(|(_, v)| v.is_none());
        match missing {
            Some((series, _)) if values.iter().all(Option::is_none) => {
                Err(format!("no value of {series} in its answer"))
            }
            Some(_) | None => Ok(values),
        }
    }
}

/// The cause that says most.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn system_authorities() -> ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    // Without authorities https endpoints fail with a reason, and http ones need none.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks the versions that rustls does")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
