<?php
// Drives Dialtree with php-ldap and prints a line for each check.

const BASE = 'dc=dialtree';
const CUSTOMERS = 'ou=customers,ou=phonebook,' . BASE;

define('NAMES', explode("\n", getenv('TEST_NAMES')));

function connection(string $url = ''): LDAP\Connection
{
    $ldap = ldap_connect($url ?: getenv('TEST_URL'));
    ldap_set_option($ldap, LDAP_OPT_PROTOCOL_VERSION, 3);
    ldap_set_option($ldap, LDAP_OPT_NETWORK_TIMEOUT, 5);
    return $ldap;
}

function bound(string $url = '', string $name = ''): LDAP\Connection
{
    $ldap = connection($url);
    if (!@ldap_bind($ldap, $name ?: getenv('TEST_DEVICE_DN'), getenv('TEST_PASSWORD'))) {
        throw new Exception('bind: ' . ldap_error($ldap));
    }
    return $ldap;
}

function same($got, $want): void
{
    if ($got !== $want) {
        throw new Exception('got ' . json_encode($got, JSON_UNESCAPED_UNICODE) . ', want ' . json_encode($want, JSON_UNESCAPED_UNICODE));
    }
}

/** Searches the customers; what PHP warns of is told by code(). */
function search(LDAP\Connection $ldap, string $filter = '(cn=*)', array $attributes = [], int $typesOnly = 0, int $limit = -1, array $controls = [])
{
    return @ldap_search($ldap, CUSTOMERS, $filter, $attributes, $typesOnly, $limit, -1, LDAP_DEREF_NEVER, $controls);
}

/** The result code and the controls of an answer. */
function outcome(LDAP\Connection $ldap, $result): array
{
    if ($result === false) {
        return [ldap_errno($ldap), []];
    }
    ldap_parse_result($ldap, $result, $code, $matched, $text, $referrals, $controls);
    return [$code, $controls];
}

function names(LDAP\Connection $ldap, $result): array
{
    $names = [];
    for ($entry = ldap_first_entry($ldap, $result); $entry; $entry = ldap_next_entry($ldap, $entry)) {
        $names[] = ldap_get_values($ldap, $entry, 'cn')[0];
    }
    return $names;
}

function finds(LDAP\Connection $ldap, string $filter, array $want): void
{
    same([$filter, names($ldap, search($ldap, $filter))], [$filter, $want]);
}

function read(LDAP\Connection $ldap, string $dn, string $filter = '(objectClass=*)', array $attributes = ['*', '+']): array
{
    return ldap_get_entries($ldap, ldap_read($ldap, $dn, $filter, $attributes));
}

$checks = [
    'root DSE' => function () {
        $entry = read(connection(), '')[0];
        same($entry['namingcontexts'][0], BASE);
        same(in_array(LDAP_CONTROL_VLVREQUEST, $entry['supportedcontrol'], true), true);
        same(in_array(LDAP_EXOP_WHO_AM_I, $entry['supportedextension'], true), true);
    },
    'schema' => function () {
        $ldap = connection();
        $dn = read($ldap, '', '(objectClass=*)', ['subschemaSubentry'])[0]['subschemasubentry'][0];
        $schema = read($ldap, $dn, '(objectClass=subschema)', ['attributeTypes', 'objectClasses'])[0];
        same(count(preg_grep("/NAME \( 'cn' 'commonName' \)/", $schema['attributetypes'])), 1);
        same(count(preg_grep("/NAME 'inetOrgPerson'/", $schema['objectclasses'])), 1);
    },
    'bind by DN' => function () {
        same(ldap_exop_whoami(bound()), 'dn:' . getenv('TEST_DEVICE_DN'));
        $ldap = connection();
        same([@ldap_bind($ldap, getenv('TEST_DEVICE_DN'), 'wrong'), ldap_errno($ldap)], [false, 49]);
    },
    'bind by name' => function () {
        same(ldap_exop_whoami(bound('', getenv('TEST_DEVICE'))), 'dn:' . getenv('TEST_DEVICE_DN'));
    },
    'StartTLS' => function () {
        $ldap = connection();
        same(ldap_start_tls($ldap), true);
        same(ldap_bind($ldap, getenv('TEST_DEVICE_DN'), getenv('TEST_PASSWORD')), true);
        finds($ldap, '(cn=nora*)', ['Nora Example']);
    },
    'LDAPS' => fn () => finds(bound(getenv('TEST_TLS_URL')), '(cn=nora*)', ['Nora Example']),
    'filters' => function () {
        $ldap = bound();
        finds($ldap, '(cn=*müller*)', ['Jörg Müller (Berlin)']);
        finds($ldap, '(sn=m\c3\bcller)', ['Jörg Müller (Berlin)']);
        finds($ldap, '(cn=*' . ldap_escape('(berlin)', '', LDAP_ESCAPE_FILTER) . ')', ['Jörg Müller (Berlin)']);
        finds($ldap, '(cn=' . ldap_escape('star * hotel', '', LDAP_ESCAPE_FILTER) . ')', ['Star * Hotel']);
        finds($ldap, '(cn=' . ldap_escape('back\slash,', '', LDAP_ESCAPE_FILTER) . '*)', ['Back\Slash, Inc.']);
        finds($ldap, '(|(cn=%)(telephoneNumber=0049301234567)(ipPhone=x)(other=x))', ['Jörg Müller (Berlin)']);
        finds($ldap, '(cn:caseIgnoreMatch:=emil example)', ['Emil Example']);
        finds($ldap, '(!(unknown=x))', []);
    },
    'read again' => function () {
        $ldap = bound();
        $found = ldap_get_entries($ldap, search($ldap, '(objectClass=inetOrgPerson)'));
        same($found['count'], count(NAMES));
        for ($i = 0; $i < $found['count']; $i++) {
            same(read($ldap, $found[$i]['dn'], '(objectClass=*)', [])[0], $found[$i]);
        }
    },
    'pages' => function () {
        [$ldap, $cookie, $found] = [bound(), '', []];
        do {
            $page = ['oid' => LDAP_CONTROL_PAGEDRESULTS, 'iscritical' => true, 'value' => ['size' => 3, 'cookie' => $cookie]];
            $result = search($ldap, controls: [$page]);
            [$code, $controls] = outcome($ldap, $result);
            same([$code, ldap_count_entries($ldap, $result) <= 3], [0, true]);
            $found = array_merge($found, names($ldap, $result));
            $cookie = $controls[LDAP_CONTROL_PAGEDRESULTS]['value']['cookie'];
        } while ($cookie !== '');
        $want = NAMES;
        sort($found);
        sort($want);
        same($found, $want);
    },
    'reverse sort' => function () {
        $ldap = bound();
        $order = ['oid' => LDAP_CONTROL_SORTREQUEST, 'iscritical' => true, 'value' => [['attr' => 'cn', 'reverse' => true]]];
        $result = search($ldap, controls: [$order]);
        same(names($ldap, $result), array_reverse(NAMES));
        same(outcome($ldap, $result)[1][LDAP_CONTROL_SORTRESPONSE]['value']['errcode'], 0);
    },
    'list view' => function () {
        $ldap = bound();
        $order = ['oid' => LDAP_CONTROL_SORTREQUEST, 'iscritical' => true, 'value' => [['attr' => 'cn']]];
        foreach ([
            [['before' => 1, 'after' => 2, 'offset' => 5, 'count' => 0], array_slice(NAMES, 3, 4), 5],
            [['before' => 0, 'after' => 1, 'attrvalue' => 'jo'], array_slice(NAMES, 7, 2), 8],
        ] as [$value, $want, $target]) {
            $result = search($ldap, controls: [$order, ['oid' => LDAP_CONTROL_VLVREQUEST, 'iscritical' => true, 'value' => $value]]);
            same(names($ldap, $result), $want);
            $answer = outcome($ldap, $result)[1][LDAP_CONTROL_VLVRESPONSE]['value'];
            same([$answer['target'], $answer['count'], $answer['errcode']], [$target, count(NAMES), 0]);
        }
    },
    'compare' => function () {
        $ldap = bound();
        $dn = ldap_get_dn($ldap, ldap_first_entry($ldap, search($ldap, '(sn=müller)')));
        same(ldap_compare($ldap, $dn, 'cn', 'JÖRG MÜLLER (BERLIN)'), true);
        same(ldap_compare($ldap, $dn, 'cn', 'Somebody'), false);
        same([@ldap_compare($ldap, 'uid=none,' . CUSTOMERS, 'cn', 'x'), ldap_errno($ldap)], [-1, 32]);
    },
    'types only' => function () {
        $ldap = bound();
        $entry = ldap_first_entry($ldap, search($ldap, '(sn=müller)', ['cn', 'mobile', 'homePhone'], 1));
        $attributes = ldap_get_attributes($ldap, $entry);
        same([$attributes['count'], $attributes['cn']['count'], $attributes['mobile']['count']], [2, 0, 0]);
    },
    'size limit' => function () {
        $ldap = bound();
        $result = search($ldap, limit: 4);
        same([outcome($ldap, $result)[0], ldap_count_entries($ldap, $result)], [4, 4]);
    },
    'who am I' => function () {
        same(ldap_exop_whoami(bound()), 'dn:' . getenv('TEST_DEVICE_DN'));
        same(ldap_exop_whoami(connection()), '');
    },
    'unknown control' => function () {
        $ldap = bound();
        same(outcome($ldap, search($ldap, controls: [['oid' => '1.2.3.4', 'iscritical' => true]]))[0], 12);
        same(count(names($ldap, search($ldap, controls: [['oid' => '1.2.3.4']]))), count(NAMES));
    },
    'ManageDsaIT' => function () {
        $ldap = bound();
        same(count(names($ldap, search($ldap, controls: [['oid' => LDAP_CONTROL_MANAGEDSAIT, 'iscritical' => true]]))), count(NAMES));
    },
    'anonymous' => function () {
        $ldap = connection();
        same(ldap_bind($ldap), true);
        same(names($ldap, ldap_search($ldap, BASE, '(cn=*)')), ['Front Desk']);
        same(outcome($ldap, search($ldap))[0], 32);
    },
];

ldap_set_option(null, LDAP_OPT_X_TLS_CACERTFILE, getenv('TEST_CA'));
ldap_set_option(null, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND);
foreach ($checks as $name => $check) {
    try {
        $check();
        echo "ok $name\n";
    } catch (Throwable $problem) {
        echo "not ok $name: {$problem->getMessage()}\n";
    }
}
