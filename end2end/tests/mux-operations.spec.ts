// Mux's own library over the sandbox's Mux: nothing is accepted and dropped.
import Mux from "@mux/mux-node";
import { expect, test } from "@playwright/test";
import { startPatchbay } from "../helpers/server.ts";

const url = "https://files.example.com/a.mp4";

/** What the library says of a refused request: status and message. */
async function refusal(request: Promise<unknown>): Promise<string> {
  const error = await request.then(() => undefined, (error: unknown) => error);
  expect(error).toBeInstanceOf(Mux.APIError);
  const { status, error: body } = error as InstanceType<typeof Mux.APIError>;
  const said = (body as { error: { type: string; messages: string[] } }).error;
  return `${status} ${said.type}: ${said.messages.join(" ")}`;
}

async function eventually<T>(read: () => Promise<T>, fits: (found: T) => boolean): Promise<T> {
  let found: T | undefined;
  await expect.poll(async () => fits((found = await read())), { timeout: 60_000 }).toBe(true);
  return found as T;
}

test("Mux's own library uploads, adds, streams, lists and is refused by name", async ({}, info) => {
  test.skip(info.project.name !== "desktop-light", "no browser takes part");
  const server = await startPatchbay();
  try {
    const headers = { origin: server.url, "content-type": "application/json" };
    const control = (change: object) => fetch(`${server.url}/sandbox/control`, { method: "POST", headers, body: JSON.stringify(change) });
    expect((await control({ traffic: false })).ok).toBe(true);
    const { video, system } = new Mux({ tokenId: "sandbox-token", tokenSecret: "sandbox-token-secret", baseURL: `${server.url}/sandbox/mux`, maxRetries: 0 });
    expect((await system.utilities.whoami()).environment_id).toBe("sandbox");

    // Assets: made, listed by cursor to the end, changed.
    const made = await video.assets.create({ inputs: [{ url }], playback_policies: ["public"], passthrough: "p", meta: { title: "Mine", external_id: "1" }, static_renditions: [{ resolution: "audio-only" }] });
    expect([made.status, made.passthrough, made.meta, made.playback_ids?.[0].policy]).toEqual(["preparing", "p", { title: "Mine", external_id: "1" }, "public"]);
    const all = [];
    for await (const asset of video.assets.list({ limit: 10 })) all.push(asset);
    expect([all.length, new Set(all.map((asset) => asset.id)).size, all[0].id]).toEqual([25, 25, made.id]);
    expect((await video.assets.update(made.id, { passthrough: "q" })).passthrough).toBe("q");

    // What belongs to an asset.
    const signed = await video.assets.createPlaybackId(made.id, { policy: "signed" });
    expect(await video.playbackIds.retrieve(signed.id)).toEqual({ id: signed.id, policy: "signed", object: { id: made.id, type: "asset" } });
    await video.assets.deletePlaybackId(made.id, signed.id);
    expect(await refusal(video.assets.retrievePlaybackId(made.id, signed.id))).toMatch(/^404 not_found/);
    const seeded = all.find((asset) => asset.status === "ready")?.id as string;
    const track = await video.assets.createTrack(seeded, { type: "text", text_type: "subtitles", url: "https://files.example.com/en.vtt", language_code: "en", name: "English" });
    const rendition = await video.assets.createStaticRendition(seeded, { resolution: "highest" });
    expect([track.status, rendition.status, rendition.name]).toEqual(["preparing", "preparing", "highest.mp4"]);
    const whole = await eventually(() => video.assets.retrieve(seeded), (asset) => asset.static_renditions?.status === "ready");
    expect(whole.tracks?.find((one) => one.id === track.id)?.status).toBe("ready");
    await video.assets.deleteTrack(seeded, track.id as string);
    await video.assets.deleteStaticRendition(seeded, rendition.id as string);
    expect((await video.assets.retrieveInputInfo(made.id))[0].settings?.url).toBe(url);

    // Direct uploads.
    const upload = await video.uploads.create({ cors_origin: "https://app.example.com", timeout: 120, new_asset_settings: { playback_policies: ["public"] } });
    expect((await fetch(upload.url as string, { method: "PUT", body: "a film" })).status).toBe(200);
    const done = await video.uploads.retrieve(upload.id);
    expect([done.status, (await video.assets.list({ upload_id: upload.id })).data.map((asset) => asset.id)]).toEqual(["asset_created", [done.asset_id]]);
    const other = await video.uploads.create({ cors_origin: "*" });
    expect((await video.uploads.cancel(other.id)).status).toBe("cancelled");
    expect((await video.uploads.list({ limit: 1 })).data[0].id).toBe(other.id);

    // Live streams.
    const stream = await video.liveStreams.create({ playback_policies: ["public"], new_asset_settings: { playback_policies: ["public"] }, latency_mode: "low", meta: { title: "Live" } });
    expect((await control({ do: "live" })).ok).toBe(true);
    const running = await video.liveStreams.retrieve(stream.id);
    expect([running.status, (await video.assets.list({ live_stream_id: stream.id })).data[0].is_live]).toEqual(["active", true]);
    expect((await video.liveStreams.list({ status: "active" })).data.map((one) => one.id)).toEqual([stream.id]);
    await video.liveStreams.complete(stream.id);
    await video.liveStreams.disable(stream.id);
    expect((await video.liveStreams.retrieve(stream.id)).status).toBe("disabled");
    await video.liveStreams.enable(stream.id);
    expect((await video.liveStreams.resetStreamKey(stream.id)).stream_key).not.toBe(stream.stream_key);
    await video.liveStreams.delete(stream.id);
    expect(await refusal(video.liveStreams.retrieve(stream.id))).toMatch(/^404 not_found/);

    // What would be dropped is refused by its name.
    expect(await refusal(video.assets.create({ inputs: [{ url }], mp4_support: "standard" }))).toContain("400 invalid_parameters: Unknown parameter: mp4_support");
    expect(await refusal(video.assets.create({ inputs: [{ url, generated_subtitles: [{ language_code: "en" }] }] }))).toContain("inputs[0].generated_subtitles");
    expect(await refusal(video.uploads.create({ cors_origin: "*", new_asset_settings: { normalize_audio: true } }))).toContain("new_asset_settings.normalize_audio");
    expect(await refusal(video.liveStreams.create({ simulcast_targets: [{ url: "rtmp://example.com" }] }))).toContain("simulcast_targets");
    expect(await refusal(video.assets.updateMasterAccess(made.id, { master_access: "temporary" }))).toContain(`404 not_found: The sandbox's Mux has nothing at PUT /video/v1/assets/${made.id}/master-access.`);
    expect(await refusal(video.playbackRestrictions.list())).toContain("nothing at GET /video/v1/playback-restrictions");
    await video.assets.delete(made.id);
    expect(await refusal(video.assets.retrieve(made.id))).toMatch(/^404 not_found/);
  } finally {
    await server.stop();
  }
});
