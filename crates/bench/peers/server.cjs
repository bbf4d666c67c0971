// The peer as its own app mounts it: fastify, the raw body to `processWebhook`, 200 when that is done.
// Its app's defaults hold: a pool of 10 connections, nothing read again from Stripe, no lists expanded. Left out is its
// logger, which would only cost it time. `require`, because its ESM build does not find its migrations.
const { StripeSync, runMigrations } = require('@supabase/stripe-sync-engine')
const fastify = require('fastify')
const Stripe = require('stripe')

async function main() {
  const { DATABASE_URL, STRIPE_WEBHOOK_SECRET, PORT, MAX_POSTGRES_CONNECTIONS } = process.env
  const schema = 'stripe'
  await runMigrations({ databaseUrl: DATABASE_URL, schema })
  const sync = new StripeSync({
    databaseUrl: DATABASE_URL,
    schema,
    stripeSecretKey: 'sk_test_of_the_bench',
    stripeWebhookSecret: STRIPE_WEBHOOK_SECRET,
    stripeApiVersion: '2020-08-27',
    autoExpandLists: false,
    backfillRelatedEntities: true,
    maxPostgresConnections: Number(MAX_POSTGRES_CONNECTIONS),
  })
  // These events need no call to Stripe. Should that change, the call fails here and is counted as a refusal, instead
  // of going out.
  sync.stripe = new Stripe('sk_test_of_the_bench', { host: '127.0.0.1', port: 1, protocol: 'http', maxNetworkRetries: 0 })
  // `runMigrations` reports no failure.
  await sync.postgresClient.query(`select 1 from "${schema}".customers limit 1`)

  const app = fastify({ disableRequestLogging: true })
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.get('/healthz', async () => 'ok')
  app.post('/webhooks', async (request, reply) => {
    try {
      await sync.processWebhook(request.body, request.headers['stripe-signature'])
    } catch (error) {
      console.error(error.message)
      return reply.code(400).send(`Webhook Error: ${error.message}`)
    }
    return { received: true }
  })
  await app.listen({ port: Number(PORT), host: '127.0.0.1' })
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
