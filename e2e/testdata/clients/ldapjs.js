// Drives Dialtree with ldapjs and prints a line for each check.
'use strict'
const assert = require('node:assert/strict')
const fs = require('node:fs')
const ldap = require('ldapjs')

const base = 'dc=dialtree'
const customers = `ou=customers,ou=phonebook,${base}`
const { TEST_URL, TEST_TLS_URL, TEST_CA, TEST_DEVICE_DN, TEST_DEVICE, TEST_PASSWORD, TEST_NAMES } = process.env
const names = TEST_NAMES.split('\n')
// ldapjs writes into the options it is given.
const tlsOptions = () => ({ ca: [fs.readFileSync(TEST_CA)], host: '127.0.0.1' })
const whoAmI = '1.3.6.1.4.1.4203.1.11.3'
const manageDsaIT = '2.16.840.1.113730.3.4.2'

// connected resolves to a client that is connected; all are ended at the end.
const clients = []
function connected (url = TEST_URL) {
  return new Promise((resolve, reject) => {
    const client = ldap.createClient({ url, tlsOptions: tlsOptions(), connectTimeout: 5000 })
    clients.push(client)
    client.on('error', reject)
    client.on('connect', () => resolve(client))
  })
}

// call turns a method with a callback into a promise of its first result.
function call (client, method, ...args) {
  return new Promise((resolve, reject) => client[method](...args, (error, value) => error ? reject(error) : resolve(value)))
}

async function bound (url = TEST_URL, name = TEST_DEVICE_DN) {
  const client = await connected(url)
  await call(client, 'bind', name, TEST_PASSWORD)
  return client
}

// search resolves to the entries, the result and the error, if any.
function search (client, options, controls = [], dn = customers) {
  return new Promise((resolve, reject) => {
    client.search(dn, { scope: 'sub', filter: '(cn=*)', ...options }, controls, (failed, response) => {
      if (failed) return reject(failed)
      const entries = []
      response.on('searchEntry', entry => entries.push(entry.pojo))
      response.on('error', error => resolve({ entries, code: error.code }))
      response.on('end', result => resolve({ entries, code: result.status, controls: result.controls }))
    })
  })
}

function values (entry, type) {
  return entry.attributes.find(attribute => attribute.type === type)?.values
}

function found ({ entries }) {
  return entries.map(entry => values(entry, 'cn')[0])
}

async function finds (client, filter, want) {
  assert.deepEqual([String(filter), found(await search(client, { filter }))], [String(filter), want])
}

async function fails (promise, code) {
  await assert.rejects(promise, error => { assert.equal(error.code, code); return true })
}

const checks = {
  'root DSE': async () => {
    const { entries: [dse] } = await search(await connected(), { scope: 'base', filter: '(objectClass=*)', attributes: ['*', '+'] }, [], '')
    assert.deepEqual(values(dse, 'namingContexts'), [base])
    assert(values(dse, 'supportedExtension').includes(whoAmI))
  },
  schema: async () => {
    const attributes = ['attributeTypes', 'objectClasses']
    const { entries: [schema] } = await search(await connected(), { scope: 'base', filter: '(objectClass=subschema)', attributes }, [], 'cn=subschema')
    assert(values(schema, 'attributeTypes').some(type => type.includes("NAME ( 'cn' 'commonName' )")))
    assert(values(schema, 'objectClasses').some(type => type.includes("NAME 'inetOrgPerson'")))
  },
  'bind by DN': async () => {
    await bound()
    await fails(call(await connected(), 'bind', TEST_DEVICE_DN, 'wrong'), 49)
  },
  'bind by name': async () => {
    const client = await bound(TEST_URL, TEST_DEVICE)
    assert.equal(await call(client, 'exop', whoAmI), 'dn:' + TEST_DEVICE_DN)
  },
  StartTLS: async () => {
    const client = await connected()
    await call(client, 'starttls', tlsOptions(), [])
    await call(client, 'bind', TEST_DEVICE_DN, TEST_PASSWORD)
    await finds(client, '(cn=nora*)', ['Nora Example'])
  },
  LDAPS: async () => finds(await bound(TEST_TLS_URL), '(cn=nora*)', ['Nora Example']),
  filters: async () => {
    const client = await bound()
    // In a substring filter that is given as text ldapjs sends the escapes as they
    // are written, so that these are built.
    await finds(client, new ldap.SubstringFilter({ attribute: 'cn', any: ['müller'] }), ['Jörg Müller (Berlin)'])
    await finds(client, '(sn=müller)', ['Jörg Müller (Berlin)'])
    await finds(client, new ldap.SubstringFilter({ attribute: 'cn', final: '(berlin)' }), ['Jörg Müller (Berlin)'])
    await finds(client, new ldap.EqualityFilter({ attribute: 'cn', value: 'star * hotel' }), ['Star * Hotel'])
    await finds(client, new ldap.SubstringFilter({ attribute: 'cn', initial: 'back\\slash,' }), ['Back\\Slash, Inc.'])
    await finds(client, '(|(cn=%)(telephoneNumber=0049301234567)(ipPhone=x)(other=x))', ['Jörg Müller (Berlin)'])
    await finds(client, '(cn:caseIgnoreMatch:=emil example)', ['Emil Example'])
    await finds(client, '(!(unknown=x))', [])
  },
  'read again': async () => {
    const client = await bound()
    for (const entry of (await search(client, { filter: '(objectClass=inetOrgPerson)' })).entries) {
      const again = await search(client, { scope: 'base', filter: '(objectClass=*)' }, [], entry.objectName)
      assert.deepEqual(again.entries.map(({ messageId, ...rest }) => rest), [entry].map(({ messageId, ...rest }) => rest))
    }
  },
  pages: async () => {
    const all = await search(await bound(), { paged: { pageSize: 3 } })
    assert.deepEqual(found(all).sort(), [...names].sort())
  },
  'reverse sort': async () => {
    const order = new ldap.ServerSideSortingRequestControl({ criticality: true, value: { attributeType: 'cn', reverseOrder: true } })
    assert.deepEqual(found(await search(await bound(), {}, order)), [...names].reverse())
  },
  compare: async () => {
    const client = await bound()
    const { entries: [{ objectName }] } = await search(client, { filter: '(sn=müller)' })
    assert.equal(await call(client, 'compare', objectName, 'cn', 'JÖRG MÜLLER (BERLIN)'), true)
    assert.equal(await call(client, 'compare', objectName, 'cn', 'Somebody'), false)
    await fails(call(client, 'compare', `uid=none,${customers}`, 'cn', 'x'), 32)
  },
  'types only': async () => {
    const attributes = ['cn', 'mobile', 'homePhone']
    const { entries: [entry] } = await search(await bound(), { filter: '(sn=müller)', typesOnly: true, attributes })
    assert.deepEqual(entry.attributes.map(({ type, values }) => [type, values]).sort(), [['cn', []], ['mobile', []]])
  },
  'size limit': async () => {
    const { entries, code } = await search(await bound(), { sizeLimit: 4 })
    assert.deepEqual([entries.length, code], [4, 4])
  },
  abandon: async () => {
    const client = await bound()
    await new Promise((resolve, reject) => client.search(customers, { scope: 'sub', filter: '(cn=*)' }, (failed, response) => {
      if (failed) return reject(failed)
      response.on('error', () => {})
      response.once('searchRequest', ({ messageId }) => client.abandon(messageId, error => error ? reject(error) : resolve()))
    }))
    await finds(client, '(cn=nora*)', ['Nora Example'])
  },
  'who am I': async () => {
    assert.equal(await call(await bound(), 'exop', whoAmI), 'dn:' + TEST_DEVICE_DN)
  },
  'unknown control': async () => {
    const client = await bound()
    assert.equal((await search(client, {}, new ldap.Control({ type: '1.2.3.4', criticality: true }))).code, 12)
    assert.equal((await search(client, {}, new ldap.Control({ type: '1.2.3.4' }))).entries.length, names.length)
  },
  ManageDsaIT: async () => {
    const { entries } = await search(await bound(), {}, new ldap.Control({ type: manageDsaIT, criticality: true }))
    assert.equal(entries.length, names.length)
  },
  anonymous: async () => {
    const client = await connected()
    await call(client, 'bind', '', '')
    assert.deepEqual(found(await search(client, {}, [], base)), ['Front Desk'])
    assert.equal((await search(client, {})).code, 32)
  }
}

async function main () {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check()
      console.log(`ok ${name}`)
    } catch (error) {
      console.log(`not ok ${name}: ${String(error.message).replaceAll('\n', ' ')}`)
    }
  }
  for (const client of clients) client.destroy()
}

main()
