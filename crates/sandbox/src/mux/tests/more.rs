//! What an asset is made of beside its file: uploads, live streams, tracks, renditions, playback ids.

use super::*;
use reqwest::Method;

impl Site {
    async fn ok(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(method, path, Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer["data"].clone()
    }

    async fn refused(&self, method: Method, path: &str, body: Option<Value>) -> (u16, String) {
        let (status, answer) = self.send(method, path, body).await;
        assert!(answer["error"]["type"].is_string(), "{path}: {status} {answer}");
        (status.as_u16(), answer["error"]["messages"][0].as_str().unwrap().to_owned())
    }

    async fn ready_asset(&self) -> String {
        let asset = self
            .ok(Method::POST, "/video/v1/assets", json!({"inputs": [{"url": "https://files.example.com/a.mp4"}]}))
            .await;
        self.wait(60);
        asset["id"].as_str().unwrap().to_owned()
    }

    /// The file goes to the path of `url`, wherever the sandbox is reached.
    async fn put(&self, url: &str, body: &'static str, range: Option<&str>) -> Response {
        let path = url.split(MOUNT).nth(1).unwrap();
        let request = self.client.put(format!("{}{path}", self.base)).body(body);
        let request = if let Some(range) = range { request.header("content-range", range) } else { request };
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn a_file_that_is_sent_to_an_upload_becomes_an_asset() {
    let site = Site::start().await;
    let asked = json!({"cors_origin": "https://app.example.com", "new_asset_settings": {"playback_policies": ["public"], "passthrough": "p"}});
    let upload = site.ok(Method::POST, "/video/v1/uploads", asked.clone()).await;
    assert_eq!(
        (&upload["status"], &upload["timeout"], &upload["new_asset_settings"]),
        (&json!("waiting"), &json!(3_600), &asked["new_asset_settings"])
    );
    let (id, url) = (upload["id"].as_str().unwrap(), upload["url"].as_str().unwrap());
    assert!(url.starts_with("http://127.0.0.1:9/sandbox/mux/upload/"), "{url}");
    let first = site.put(url, "half", Some("bytes 0-3/8")).await;
    assert_eq!((first.status().as_u16(), first.headers()["range"].to_str().unwrap()), (308, "bytes=0-3"));
    assert_eq!(
        site.put(url, "half", Some("bytes 0-3/8")).await.status(),
        StatusCode::BAD_REQUEST,
        "it is here already"
    );
    assert_eq!(site.put(url, "rest", Some("bytes 4-7/8")).await.status(), StatusCode::OK);
    let done = site.json(&format!("/video/v1/uploads/{id}")).await["data"].clone();
    assert!(done["status"] == "asset_created" && done.get("url").is_none());
    let asset = done["asset_id"].as_str().unwrap();
    let listed = site.json(&format!("/video/v1/assets?upload_id={id}")).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let of_it = &listed["data"][0];
    assert_eq!((&of_it["id"], &of_it["upload_id"], &of_it["passthrough"]), (&json!(asset), &json!(id), &json!("p")));
    let events = site.wait(0);
    assert_eq!(types(&events, id), ["video.upload.created"]);
    assert_eq!(types(&events, asset), ["video.asset.created", "video.upload.asset_created"]);
    assert_eq!(events.last().unwrap().body["data"]["asset_id"], asset);
    assert_eq!(site.put(url, "again", None).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_upload_is_cancelled_empty_or_not_used_in_time() {
    let site = Site::start().await;
    let create = async || site.ok(Method::POST, "/video/v1/uploads", json!({"cors_origin": "*", "timeout": 60})).await;
    let (one, two, three) = (create().await, create().await, create().await);
    let path = |upload: &Value| format!("/video/v1/uploads/{}", upload["id"].as_str().unwrap());
    let cancelled = site.ok(Method::PUT, &format!("{}/cancel", path(&one)), json!({})).await;
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(site.refused(Method::PUT, &format!("{}/cancel", path(&one)), None).await.0, 400);
    assert_eq!(site.put(two["url"].as_str().unwrap(), "", None).await.status(), StatusCode::OK);
    let empty = site.json(&path(&two)).await["data"].clone();
    assert_eq!((&empty["status"], &empty["error"]["message"]), (&json!("errored"), &json!("The file is empty.")));
    let events = site.wait(61);
    assert_eq!(site.json(&path(&three)).await["data"]["status"], "timed_out");
    assert!(types(&events, one["id"].as_str().unwrap()).contains(&"video.upload.cancelled"));
    assert!(types(&events, two["id"].as_str().unwrap()).contains(&"video.upload.errored"));
    let all = site.json("/video/v1/uploads?limit=2").await;
    assert_eq!(
        (&all["data"][0]["id"], &all["data"][1]["id"], all["data"].as_array().unwrap().len()),
        (&three["id"], &two["id"], 2)
    );
    assert_eq!(site.json("/video/v1/uploads?limit=2&page=2").await["data"][0]["id"], one["id"]);
}

#[tokio::test]
async fn tracks_and_renditions_are_made_and_told_of() {
    let site = Site::start().await;
    let id = site.ready_asset().await;
    site.wait(0);
    let path = format!("/video/v1/assets/{id}");
    let english =
        json!({"url": "https://files.example.com/en.vtt", "type": "text", "language_code": "en", "name": "English"});
    let track = site.ok(Method::POST, &format!("{path}/tracks"), english.clone()).await;
    assert_eq!(
        (&track["status"], &track["text_type"], &track["text_source"]),
        (&json!("preparing"), &json!("subtitles"), &json!("uploaded"))
    );
    let broken = json!({"url": "https://files.example.com/fail.vtt", "type": "text", "language_code": "de"});
    site.ok(Method::POST, &format!("{path}/tracks"), broken).await;
    assert_eq!(site.refused(Method::POST, &format!("{path}/tracks"), Some(english)).await.0, 400);
    let highest = site.ok(Method::POST, &format!("{path}/static-renditions"), json!({"resolution": "highest"})).await;
    assert_eq!((&highest["name"], &highest["type"]), (&json!("highest.mp4"), &json!("standard")));
    let events = site.wait(5);
    let told = types(&events, &id);
    for expected in [
        "video.asset.track.created",
        "video.asset.track.ready",
        "video.asset.track.errored",
        "video.asset.static_rendition.created",
        "video.asset.static_rendition.ready",
    ] {
        assert!(told.contains(&expected), "{expected} is not among {told:?}");
    }
    let ready = events.iter().find(|event| event.body["type"] == "video.asset.track.ready").unwrap();
    assert_eq!((&ready.body["object"]["type"], &ready.body["data"]["asset_id"]), (&json!("track"), &json!(id)));
    let asset = site.json(&path).await["data"].clone();
    let texts: Vec<&Value> =
        asset["tracks"].as_array().unwrap().iter().filter(|track| track["type"] == "text").collect();
    assert_eq!((texts.len(), &texts[0]["name"], &texts[0]["status"]), (2, &json!("English"), &json!("ready")));
    assert_eq!(
        (&asset["static_renditions"]["status"], &asset["static_renditions"]["files"][0]["id"]),
        (&json!("ready"), &highest["id"])
    );
    for (kind, gone) in [("tracks", &track), ("static-renditions", &highest)] {
        let one = format!("{path}/{kind}/{}", gone["id"].as_str().unwrap());
        assert_eq!(site.send(Method::DELETE, &one, None).await.0, StatusCode::NO_CONTENT);
        assert_eq!(site.refused(Method::DELETE, &one, None).await.0, 404);
    }
    let events = site.wait(0);
    assert_eq!(types(&events, &id), ["video.asset.track.deleted", "video.asset.static_rendition.deleted"]);
}

#[tokio::test]
async fn renditions_that_are_asked_for_with_the_asset_follow_it_and_too_large_ones_are_skipped() {
    let site = Site::start().await;
    let inputs = json!([{"url": "https://files.example.com/a.mp4"}]);
    let asked = json!({"inputs": inputs, "static_renditions": [{"resolution": "audio-only"}, {"resolution": "2160p"}]});
    let id = site.ok(Method::POST, "/video/v1/assets", asked).await["id"].as_str().unwrap().to_owned();
    let mut events = Vec::new();
    for _ in 0..60 {
        events.extend(site.wait(1));
    }
    let told = types(&events, &id);
    let at =
        |kind: &str| told.iter().position(|one| *one == kind).unwrap_or_else(|| panic!("{kind} is not among {told:?}"));
    assert!(at("video.asset.ready") < at("video.asset.static_rendition.ready"));
    let files = site.json(&format!("/video/v1/assets/{id}")).await["data"]["static_renditions"]["files"].clone();
    assert_eq!((&files[0]["name"], &files[0]["status"]), (&json!("audio.m4a"), &json!("ready")));
    let large = files[1]["height"].as_i64().is_some_and(|height| height == 2_160);
    assert_eq!(files[1]["status"], if large { "ready" } else { "skipped" });
}

#[tokio::test]
async fn what_is_odd_about_a_file_is_told_before_it_is_ready() {
    let site = Site::start().await;
    let input = "https://files.example.com/non-standard-warning.mov";
    let asked = json!({"inputs": [{"url": input}], "passthrough": "p"});
    let id = site.ok(Method::POST, "/video/v1/assets", asked).await["id"].as_str().unwrap().to_owned();
    let events = site.wait(60);
    let told = types(&events, &id);
    let ends = ["video.asset.non_standard_input_detected", "video.asset.warning", "video.asset.ready"];
    assert!(told.ends_with(&ends), "{told:?}");
    let warning = &events.iter().find(|event| event.body["type"] == "video.asset.warning").unwrap().body["data"];
    assert_eq!((&warning["id"], &warning["passthrough"], warning.get("playback_ids")), (&json!(id), &json!("p"), None));
    let asset = site.json(&format!("/video/v1/assets/{id}")).await["data"].clone();
    assert_eq!(asset["non_standard_input_reasons"], json!({"video_codec": "prores"}));
}

#[tokio::test]
async fn playback_ids_come_and_go_and_tell_what_they_play() {
    let site = Site::start().await;
    let id = site.ready_asset().await;
    let path = format!("/video/v1/assets/{id}/playback-ids");
    let signed = site.ok(Method::POST, &path, json!({"policy": "signed"})).await;
    let playback_id = signed["id"].as_str().unwrap();
    assert_eq!(site.json(&format!("/video/v1/assets/{id}")).await["data"]["playback_ids"], json!([signed]));
    let resolved = site.json(&format!("/video/v1/playback-ids/{playback_id}")).await["data"].clone();
    assert_eq!(resolved, json!({"id": playback_id, "policy": "signed", "object": {"id": id, "type": "asset"}}));
    let (status, why) = site.refused(Method::POST, &path, Some(json!({"policy": "drm"}))).await;
    assert_eq!((status, why.as_str()), (400, "policy must be one of public, signed here."));
    assert_eq!(site.send(Method::DELETE, &format!("{path}/{playback_id}"), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(site.refused(Method::GET, &format!("/video/v1/playback-ids/{playback_id}"), None).await.0, 404);
}

#[tokio::test]
async fn a_live_stream_runs_records_and_rests() {
    let site = Site::start().await;
    let asked = json!({
        "playback_policies": ["public"], "new_asset_settings": {"playback_policies": ["signed"]}, "latency_mode": "low",
        "reconnect_window": 30, "passthrough": "p", "meta": {"title": "Live"},
    });
    let stream = site.ok(Method::POST, "/video/v1/live-streams", asked).await;
    let id = stream["id"].as_str().unwrap();
    assert_eq!(
        (&stream["status"], &stream["latency_mode"], &stream["meta"]["title"]),
        (&json!("idle"), &json!("low"), &json!("Live"))
    );
    site.mux.switch_live();
    let path = format!("/video/v1/live-streams/{id}");
    let running = site.json(&path).await["data"].clone();
    assert_eq!(
        (&running["status"], &running["recent_asset_ids"]),
        (&json!("active"), &json!([running["active_asset_id"]]))
    );
    let asset = running["active_asset_id"].as_str().unwrap();
    let recorded = site.json(&format!("/video/v1/assets?live_stream_id={id}")).await["data"][0].clone();
    assert!(recorded["id"] == asset && recorded["is_live"] == true && recorded["progress"]["state"] == "live");
    let playing =
        site.json(&format!("/video/v1/playback-ids/{}", stream["playback_ids"][0]["id"].as_str().unwrap())).await;
    assert_eq!(playing["data"]["object"], json!({"id": id, "type": "live_stream"}));
    assert_eq!(site.json("/video/v1/live-streams?status=active").await["data"].as_array().unwrap().len(), 1);
    let mut events = site.wait(90);
    site.ok(Method::PUT, &format!("{path}/complete"), json!({})).await;
    events.extend(site.wait(0));
    assert_eq!(
        types(&events, id),
        ["created", "connected", "recording", "active", "disconnected", "idle"]
            .map(|word| format!("video.live_stream.{word}"))
    );
    assert_eq!(
        types(&events, asset),
        ["video.asset.created", "video.asset.ready", "video.asset.live_stream_completed"]
    );
    let left = site.json(&format!("/video/v1/assets/{asset}")).await["data"].clone();
    assert!(left["duration"] == 90.0 && left.get("is_live").is_none(), "{left}");
    site.ok(Method::PUT, &format!("{path}/disable"), json!({})).await;
    assert_eq!(site.json(&path).await["data"]["status"], "disabled");
    site.ok(Method::PUT, &format!("{path}/enable"), json!({})).await;
    let key = site.ok(Method::POST, &format!("{path}/reset-stream-key"), json!({})).await["stream_key"].clone();
    assert_ne!(key, stream["stream_key"]);
    assert_eq!(site.ok(Method::PATCH, &path, json!({"passthrough": "q"})).await["passthrough"], "q");
    assert_eq!(site.send(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    let told = site.wait(0);
    let told = types(&told, id);
    assert_eq!(
        told,
        ["disabled", "enabled", "updated", "updated", "deleted"].map(|word| format!("video.live_stream.{word}"))
    );
    assert_eq!(site.refused(Method::GET, &path, None).await.0, 404);
}

#[tokio::test]
async fn what_would_be_dropped_is_refused_by_its_name() {
    let site = Site::start().await;
    let id = site.ready_asset().await;
    let url = "https://files.example.com/a.mp4";
    for (method, path, body, name) in [
        (
            Method::POST,
            "/video/v1/assets".to_owned(),
            json!({"inputs": [{"url": url}], "mp4_support": "standard"}),
            "mp4_support",
        ),
        (
            Method::POST,
            "/video/v1/assets".to_owned(),
            json!({"inputs": [{"url": url, "start_time": 5}]}),
            "inputs[0].start_time",
        ),
        (
            Method::POST,
            "/video/v1/assets".to_owned(),
            json!({"inputs": [{"url": url}], "meta": {"creator": "x"}}),
            "meta.creator",
        ),
        (Method::POST, "/video/v1/uploads".to_owned(), json!({"new_asset_settings": {}}), "cors_origin"),
        (Method::POST, "/video/v1/uploads".to_owned(), json!({"cors_origin": "*", "timeout": 5}), "timeout"),
        (
            Method::POST,
            "/video/v1/uploads".to_owned(),
            json!({"cors_origin": "*", "new_asset_settings": {"normalize_audio": true}}),
            "new_asset_settings.normalize_audio",
        ),
        (Method::POST, "/video/v1/live-streams".to_owned(), json!({"audio_only": true}), "audio_only"),
        (Method::PATCH, format!("/video/v1/assets/{id}"), json!({"thumbnail_time": 1}), "thumbnail_time"),
        (Method::POST, format!("/video/v1/assets/{id}/tracks"), json!({"type": "text", "language_code": "en"}), "url"),
        (Method::POST, format!("/video/v1/assets/{id}/static-renditions"), json!({"resolution": "100p"}), "resolution"),
        (Method::GET, "/video/v1/assets?limit=1000".to_owned(), Value::Null, "limit"),
        (Method::GET, "/video/v1/assets?status=ready".to_owned(), Value::Null, "status"),
    ] {
        let (status, why) = site.refused(method, &path, Some(body).filter(|body| !body.is_null())).await;
        assert!(status == 400 && why.contains(name), "{path}: {status} {why}");
    }
    for (method, path) in [
        (Method::PUT, format!("/video/v1/assets/{id}/master-access")),
        (Method::POST, format!("/video/v1/assets/{id}/tracks/x/generate-subtitles")),
        (Method::GET, "/data/v1/video-views".to_owned()),
        (Method::DELETE, "/video/v1/assets".to_owned()),
    ] {
        let (status, why) = site.refused(method, &path, None).await;
        assert!(status == 404 && why.contains(&path), "{path}: {status} {why}");
    }
}
