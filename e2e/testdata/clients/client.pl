# Drives Dialtree with Net::LDAP and prints a line for each check.
use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));
use Encode qw(decode encode);
use Net::LDAP;
use Net::LDAP::Constant qw(
	LDAP_CANCELED LDAP_COMPARE_FALSE LDAP_COMPARE_TRUE LDAP_INVALID_CREDENTIALS LDAP_NO_SUCH_OBJECT
	LDAP_NO_SUCH_OPERATION LDAP_SIZELIMIT_EXCEEDED LDAP_SUCCESS LDAP_TOO_LATE LDAP_UNAVAILABLE_CRITICAL_EXT
	LDAP_CONTROL_PAGED LDAP_CONTROL_SORTREQUEST LDAP_CONTROL_SORTRESULT LDAP_CONTROL_VLVRESPONSE
	LDAP_EXTENSION_WHO_AM_I
);
use Net::LDAP::Control;
use Net::LDAP::Control::ManageDsaIT;
use Net::LDAP::Control::Paged;
use Net::LDAP::Control::Sort;
use Net::LDAP::Control::VLV;
use Net::LDAP::Extension::Cancel;
use Net::LDAP::Extension::WhoAmI;

my $base = 'dc=dialtree';
my $customers = "ou=customers,ou=phonebook,$base";
my ($url, $tls_url, $ca, $device_dn, $device, $password) =
	map { $ENV{"TEST_$_"} } qw(URL TLS_URL CA DEVICE_DN DEVICE PASSWORD);
my @names = split /\n/, decode('UTF-8', $ENV{TEST_NAMES});

sub connection {
	my $ldap = Net::LDAP->new(shift // $url, timeout => 5, verify => 'require', cafile => $ca) or die "connect: $@\n";
	return $ldap;
}

sub bound {
	my $ldap = connection(shift);
	success($ldap->bind(shift // $device_dn, password => $password));
	return $ldap;
}

sub success {
	my $result = shift;
	die 'code ' . $result->code . ': ' . $result->error . "\n" if $result->code;
	return $result;
}

sub same {
	my ($got, $want) = @_;
	die "got '$got', want '$want'\n" if $got ne $want;
	return;
}

sub search {
	my ($ldap, $filter, @more) = @_;
	return $ldap->search(base => $customers, scope => 'sub', filter => encode('UTF-8', $filter), @more);
}

sub names { return join "\n", map { decode('UTF-8', $_->get_value('cn')) } shift->entries }

sub read_again_by_dn {
	my ($ldap, $entry) = @_;
	my $again = success($ldap->search(base => $entry->dn, scope => 'base', filter => '(objectClass=*)'));
	return $again->entry(0);
}

sub finds {
	my ($ldap, $filter, $want) = @_;
	my $got = names(success(search($ldap, $filter)));
	die "$filter: got '$got', want '$want'\n" if $got ne $want;
	return;
}

my @checks = (
	'root DSE' => sub {
		my $dse = connection()->root_dse or die "none\n";
		same($dse->get_value('namingContexts'), $base);
		die "version 3 is not supported\n" unless $dse->supported_version(3);
		die "sort is not supported\n" unless $dse->supported_control(LDAP_CONTROL_SORTREQUEST);
		die "Who am I? is not supported\n" unless $dse->supported_extension(LDAP_EXTENSION_WHO_AM_I);
	},
	'schema' => sub {
		my $schema = connection()->schema or die "none\n";
		my %must = map { $_->{name} => 1 } $schema->must('inetOrgPerson'), map { $schema->must($_) } $schema->superclass('inetOrgPerson');
		die "person does not need sn and cn\n" unless $schema->must('person') && $schema->attribute('cn') && $schema->objectclass('person');
		same(join(' ', sort map { $_->{name} } $schema->must('person')), 'cn objectClass sn');
		die "no rule\n" unless $schema->matchingrule('caseIgnoreMatch') && $schema->syntax('1.3.6.1.4.1.1466.115.121.1.15');
	},
	'bind by DN' => sub {
		bound();
		same(connection()->bind($device_dn, password => 'wrong')->code, LDAP_INVALID_CREDENTIALS);
	},
	'bind by name' => sub { same(bound(undef, $device)->who_am_i->response, "dn:$device_dn") },
	'StartTLS' => sub {
		my $ldap = connection();
		success($ldap->start_tls(verify => 'require', cafile => $ca));
		success($ldap->bind($device_dn, password => $password));
		finds($ldap, '(cn=nora*)', 'Nora Example');
	},
	'LDAPS' => sub { finds(bound($tls_url), '(cn=nora*)', 'Nora Example') },
	'filters' => sub {
		my $ldap = bound();
		finds($ldap, '(cn=*müller*)', 'Jörg Müller (Berlin)');
		finds($ldap, '(sn=m\c3\bcller)', 'Jörg Müller (Berlin)');
		finds($ldap, '(cn=*\28berlin\29)', 'Jörg Müller (Berlin)');
		finds($ldap, '(cn=star \2a hotel)', 'Star * Hotel');
		finds($ldap, '(cn=back\5cslash\2c*)', 'Back\Slash, Inc.');
		finds($ldap, '(|(cn=%)(telephoneNumber=0049301234567)(ipPhone=x)(other=x))', 'Jörg Müller (Berlin)');
		finds($ldap, '(cn:caseIgnoreMatch:=emil example)', 'Emil Example');
		finds($ldap, '(!(unknown=x))', '');
	},
	'read again' => sub {
		my $ldap = bound();
		for my $entry (success(search($ldap, '(objectClass=inetOrgPerson)'))->entries) {
			same(read_again_by_dn($ldap, $entry)->ldif, $entry->ldif);
		}
	},
	'pages' => sub {
		my ($ldap, $page, @found) = (bound(), Net::LDAP::Control::Paged->new(size => 3, critical => 1));
		while (1) {
			my $result = success(search($ldap, '(cn=*)', control => [$page]));
			die $result->count . " entries in a page of 3\n" if $result->count > 3;
			push @found, split /\n/, names($result);
			my $answer = $result->control(LDAP_CONTROL_PAGED) or die "no control in the answer\n";
			last unless length $answer->cookie;
			$page->cookie($answer->cookie);
		}
		same(join("\n", sort @found), join("\n", sort @names));
	},
	'reverse sort' => sub {
		my $sort = Net::LDAP::Control::Sort->new(order => '-cn', critical => 1);
		my $result = success(search(bound(), '(cn=*)', control => [$sort]));
		same(names($result), join("\n", reverse @names));
		same(($result->control(LDAP_CONTROL_SORTRESULT))[0]->result, 0);
	},
	'list view' => sub {
		my $ldap = bound();
		my $sort = Net::LDAP::Control::Sort->new(order => 'cn', critical => 1);
		my $view = Net::LDAP::Control::VLV->new(before => 1, after => 2, content => 0, offset => 5, critical => 1);
		my $result = success(search($ldap, '(cn=*)', control => [$view, $sort]));
		same(names($result), join("\n", @names[3 .. 6]));
		my ($answer) = $result->control(LDAP_CONTROL_VLVRESPONSE) or die "no control in the answer\n";
		same($answer->target . ' of ' . $answer->content, '5 of ' . @names);
		$view->response($answer);
		$view->assert('jo');
		$result = success(search($ldap, '(cn=*)', control => [$view, $sort]));
		same(names($result), join("\n", @names[6 .. 9]));
	},
	'compare' => sub {
		my $ldap = bound();
		my $dn = success(search($ldap, '(sn=müller)'))->entry(0)->dn;
		same($ldap->compare($dn, attr => 'cn', value => encode('UTF-8', 'JÖRG MÜLLER (BERLIN)'))->code, LDAP_COMPARE_TRUE);
		same($ldap->compare($dn, attr => 'cn', value => 'Somebody')->code, LDAP_COMPARE_FALSE);
		same($ldap->compare("uid=none,$customers", attr => 'cn', value => 'x')->code, LDAP_NO_SUCH_OBJECT);
	},
	'types only' => sub {
		my $entry = success(search(bound(), '(sn=müller)', typesonly => 1, attrs => [qw(cn mobile homePhone)]))->entry(0);
		same(join(' ', sort $entry->attributes), 'cn mobile');
		same(scalar(@{$entry->get_value('cn', asref => 1)}), 0);
	},
	'size limit' => sub {
		my $result = search(bound(), '(cn=*)', sizelimit => 4);
		same($result->code . ' after ' . $result->count, LDAP_SIZELIMIT_EXCEEDED . ' after 4');
	},
	'abandon' => sub {
		my $ldap = Net::LDAP->new($url, async => 1) or die "connect: $@\n";
		success($ldap->bind($device_dn, password => $password));
		$ldap->abandon(search($ldap, '(cn=*)'));
		my $code = $ldap->cancel(search($ldap, '(cn=*)'))->code;
		die "cancel: code $code\n" unless grep { $code == $_ } LDAP_SUCCESS, LDAP_CANCELED, LDAP_NO_SUCH_OPERATION, LDAP_TOO_LATE;
		finds($ldap, '(cn=nora*)', 'Nora Example');
	},
	'who am I' => sub {
		same(bound()->who_am_i->response, "dn:$device_dn");
		same(connection()->who_am_i->response // '', '');
	},
	'unknown control' => sub {
		my $ldap = bound();
		my $control = Net::LDAP::Control->new(type => '1.2.3.4', critical => 1);
		same(search($ldap, '(cn=*)', control => [$control])->code, LDAP_UNAVAILABLE_CRITICAL_EXT);
		$control = Net::LDAP::Control->new(type => '1.2.3.4', critical => 0);
		same(success(search($ldap, '(cn=*)', control => [$control]))->count, scalar @names);
	},
	'ManageDsaIT' => sub {
		my $control = Net::LDAP::Control::ManageDsaIT->new(critical => 1);
		same(success(search(bound(), '(cn=*)', control => [$control]))->count, scalar @names);
	},
	'anonymous' => sub {
		my $ldap = connection();
		success($ldap->bind);
		same(names(success($ldap->search(base => $base, filter => '(cn=*)'))), 'Front Desk');
		same(search($ldap, '(cn=*)')->code, LDAP_NO_SUCH_OBJECT);
	},
);

while (my ($name, $check) = splice @checks, 0, 2) {
	if (eval { $check->(); 1 }) {
		print "ok $name\n";
	} else {
		print "not ok $name: $@" =~ s/\n/ /gr, "\n";
	}
}
