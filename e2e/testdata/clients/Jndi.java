import java.io.FileInputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Hashtable;
import java.util.List;
import java.util.Objects;
import javax.naming.AuthenticationException;
import javax.naming.Context;
import javax.naming.NameNotFoundException;
import javax.naming.NamingEnumeration;
import javax.naming.NamingException;
import javax.naming.OperationNotSupportedException;
import javax.naming.SizeLimitExceededException;
import javax.naming.directory.Attributes;
import javax.naming.directory.DirContext;
import javax.naming.directory.SearchControls;
import javax.naming.directory.SearchResult;
import javax.naming.ldap.BasicControl;
import javax.naming.ldap.Control;
import javax.naming.ldap.InitialLdapContext;
import javax.naming.ldap.LdapContext;
import javax.naming.ldap.LdapName;
import javax.naming.ldap.ManageReferralControl;
import javax.naming.ldap.PagedResultsControl;
import javax.naming.ldap.PagedResultsResponseControl;
import javax.naming.ldap.SortControl;
import javax.naming.ldap.SortKey;
import javax.naming.ldap.SortResponseControl;
import javax.naming.ldap.StartTlsRequest;
import javax.naming.ldap.StartTlsResponse;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** Drives Dialtree with the LDAP provider of JNDI and prints a line for each check. */
public class Jndi {
    private static final String BASE = "dc=dialtree";
    private static final String CUSTOMERS = "ou=customers,ou=phonebook," + BASE;
    private static final String DEVICE_DN = System.getenv("TEST_DEVICE_DN");
    private static final List<String> NAMES = List.of(System.getenv("TEST_NAMES").split("\n"));

    private interface Check {
        void run() throws Exception;
    }

    private static Hashtable<String, Object> environment(String url) {
        var env = new Hashtable<String, Object>();
        env.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
        env.put(Context.PROVIDER_URL, url);
        env.put("com.sun.jndi.ldap.connect.timeout", "5000");
        env.put("com.sun.jndi.ldap.read.timeout", "5000");
        return env;
    }

    private static LdapContext connect() throws NamingException {
        return new InitialLdapContext(environment(System.getenv("TEST_URL")), null);
    }

    private static LdapContext bound(String url, String name, String password, String... settings) throws NamingException {
        var env = environment(System.getenv(url));
        env.put(Context.SECURITY_AUTHENTICATION, "simple");
        env.put(Context.SECURITY_PRINCIPAL, name);
        env.put(Context.SECURITY_CREDENTIALS, password);
        for (int i = 0; i < settings.length; i += 2) {
            env.put(settings[i], settings[i + 1]);
        }
        return new InitialLdapContext(env, null);
    }

    private static LdapContext bound() throws NamingException {
        return bound("TEST_URL", DEVICE_DN, System.getenv("TEST_PASSWORD"));
    }

    private static SearchControls subtree(long limit, String... attributes) {
        return new SearchControls(SearchControls.SUBTREE_SCOPE, limit, 5000, attributes.length > 0 ? attributes : null, false, false);
    }

    /** Reads an enumeration to its end, where the controls of the result come. */
    private static List<SearchResult> all(NamingEnumeration<SearchResult> found) throws NamingException {
        var results = new ArrayList<SearchResult>();
        while (found.hasMore()) {
            results.add(found.next());
        }
        return results;
    }

    private static List<SearchResult> search(DirContext context, String filter, String... attributes) throws NamingException {
        return all(context.search(new LdapName(CUSTOMERS), filter, subtree(0, attributes)));
    }

    private static List<String> names(List<SearchResult> results) throws NamingException {
        var names = new ArrayList<String>();
        for (var result : results) {
            names.add((String) result.getAttributes().get("cn").get());
        }
        return names;
    }

    private static void finds(DirContext context, String filter, String... want) throws NamingException {
        same(names(search(context, filter)), List.of(want));
    }

    private static void same(Object got, Object want) {
        if (!Objects.equals(got, want)) {
            throw new AssertionError("got " + got + ", want " + want);
        }
    }

    private static void fails(Class<? extends Exception> want, Check check) {
        try {
            check.run();
        } catch (Exception e) {
            same(e.getClass(), want);
            return;
        }
        throw new AssertionError("no " + want);
    }

    private static void rootDse() throws NamingException {
        var dse = connect().getAttributes("", new String[] {"*", "+"});
        same(dse.get("namingContexts").get(), BASE);
        same(dse.get("supportedControl").contains(PagedResultsControl.OID), true);
        same(dse.get("supportedControl").contains(SortControl.OID), true);
    }

    private static void schema() throws NamingException {
        var schema = bound().getSchema(new LdapName(CUSTOMERS));
        var person = schema.getAttributes("ClassDefinition/person");
        same(person.get("MUST").contains("sn"), true);
        same(schema.getAttributes("AttributeDefinition/telephoneNumber").get("NUMERICOID").get(), "2.5.4.20");
        same(schema.getAttributes("AttributeDefinition/cn").get("SINGLE-VALUE"), null);
        same(schema.getAttributes("MatchingRule/caseIgnoreMatch").get("NUMERICOID").get(), "2.5.13.2");
        same(schema.getAttributes("SyntaxDefinition/1.3.6.1.4.1.1466.115.121.1.15") != null, true);
        var entry = search(bound(), "(sn=müller)").get(0);
        var classes = bound().getSchemaClassDefinition(new LdapName(entry.getNameInNamespace())).list("");
        same(Collections.list(classes).size(), 4);
    }

    private static void bindByDn() throws NamingException {
        bound().close();
        fails(AuthenticationException.class, () -> bound("TEST_URL", DEVICE_DN, "wrong"));
    }

    private static void bindByName() throws NamingException {
        finds(bound("TEST_URL", System.getenv("TEST_DEVICE"), System.getenv("TEST_PASSWORD")), "(cn=nora*)", "Nora Example");
    }

    private static void startTls() throws NamingException, IOException {
        var context = connect();
        var tls = (StartTlsResponse) context.extendedOperation(new StartTlsRequest());
        tls.negotiate();
        context.addToEnvironment(Context.SECURITY_AUTHENTICATION, "simple");
        context.addToEnvironment(Context.SECURITY_PRINCIPAL, DEVICE_DN);
        context.addToEnvironment(Context.SECURITY_CREDENTIALS, System.getenv("TEST_PASSWORD"));
        finds(context, "(cn=nora*)", "Nora Example");
        tls.close();
    }

    private static void ldaps() throws NamingException {
        finds(bound("TEST_TLS_URL", DEVICE_DN, System.getenv("TEST_PASSWORD")), "(cn=nora*)", "Nora Example");
    }

    private static void filters() throws NamingException {
        var context = bound();
        finds(context, "(cn=*müller*)", "Jörg Müller (Berlin)");
        finds(context, "(sn=m\\c3\\bcller)", "Jörg Müller (Berlin)");
        finds(context, "(cn=*\\28berlin\\29)", "Jörg Müller (Berlin)");
        finds(context, "(cn=star \\2a hotel)", "Star * Hotel");
        finds(context, "(cn=back\\5cslash\\2c*)", "Back\\Slash, Inc.");
        finds(context, "(|(cn=%)(telephoneNumber=0049301234567)(ipPhone=x)(other=x))", "Jörg Müller (Berlin)");
        finds(context, "(cn:caseIgnoreMatch:=emil example)", "Emil Example");
        finds(context, "(!(unknown=x))");
        // JNDI escapes arguments itself.
        var found = context.search(new LdapName(CUSTOMERS), "(cn={0})", new Object[] {"Star * Hotel"}, subtree(0));
        same(names(all(found)), List.of("Star * Hotel"));
    }

    private static void readAgain() throws NamingException {
        var context = bound();
        for (var result : search(context, "(objectClass=inetOrgPerson)")) {
            Attributes again = context.getAttributes(new LdapName(result.getNameInNamespace()));
            same(again, result.getAttributes());
        }
    }

    private static void pages() throws NamingException, IOException {
        var context = bound();
        var found = new ArrayList<String>();
        byte[] cookie = null;
        do {
            context.setRequestControls(new Control[] {new PagedResultsControl(3, cookie, Control.CRITICAL)});
            var page = names(search(context, "(cn=*)"));
            same(page.size() <= 3, true);
            found.addAll(page);
            cookie = ((PagedResultsResponseControl) context.getResponseControls()[0]).getCookie();
        } while (cookie != null);
        same(found.size(), NAMES.size());
        same(new HashSet<>(found), new HashSet<>(NAMES));
    }

    private static void reverseSort() throws NamingException, IOException {
        var context = bound();
        context.setRequestControls(new Control[] {new SortControl(new SortKey[] {new SortKey("cn", false, null)}, Control.CRITICAL)});
        var want = new ArrayList<>(NAMES);
        Collections.reverse(want);
        same(names(search(context, "(cn=*)")), want);
        same(((SortResponseControl) context.getResponseControls()[0]).isSorted(), true);
    }

    /** JNDI sends a compare for a base search with one equality and no attributes. */
    private static void compare() throws NamingException {
        var context = bound();
        var dn = new LdapName(search(context, "(sn=müller)").get(0).getNameInNamespace());
        var controls = new SearchControls(SearchControls.OBJECT_SCOPE, 0, 5000, new String[0], false, false);
        same(context.search(dn, "(cn=JÖRG MÜLLER \\28BERLIN\\29)", controls).hasMore(), true);
        same(context.search(dn, "(cn=Somebody)", controls).hasMore(), false);
        fails(NameNotFoundException.class, () -> context.search(new LdapName("uid=none," + CUSTOMERS), "(cn=x)", controls));
    }

    private static void typesOnly() throws NamingException {
        var context = bound("TEST_URL", DEVICE_DN, System.getenv("TEST_PASSWORD"), "java.naming.ldap.typesOnly", "true");
        var attributes = search(context, "(sn=müller)", "cn", "mobile", "homePhone").get(0).getAttributes();
        same(List.of(attributes.size(), attributes.get("cn").size(), attributes.get("mobile").size()), List.of(2, 0, 0));
    }

    private static void sizeLimit() throws NamingException {
        var found = bound().search(new LdapName(CUSTOMERS), "(cn=*)", subtree(4));
        for (int i = 0; i < 4; i++) {
            found.next();
        }
        fails(SizeLimitExceededException.class, found::hasMore);
    }

    /** Closing an enumeration before its end abandons the search. */
    private static void abandon() throws NamingException {
        var context = bound("TEST_URL", DEVICE_DN, System.getenv("TEST_PASSWORD"), Context.BATCHSIZE, "1");
        var found = context.search(new LdapName(CUSTOMERS), "(cn=*)", subtree(0));
        found.next();
        found.close();
        finds(context, "(cn=nora*)", "Nora Example");
    }

    private static void unknownControl() throws NamingException {
        var context = bound();
        context.setRequestControls(new Control[] {new BasicControl("1.2.3.4", Control.CRITICAL, null)});
        fails(OperationNotSupportedException.class, () -> search(context, "(cn=*)"));
        context.setRequestControls(new Control[] {new BasicControl("1.2.3.4", Control.NONCRITICAL, null)});
        same(search(context, "(cn=*)").size(), NAMES.size());
    }

    private static void manageDsaIt() throws NamingException {
        var context = bound();
        context.setRequestControls(new Control[] {new ManageReferralControl(Control.CRITICAL)});
        same(search(context, "(cn=*)").size(), NAMES.size());
    }

    private static void anonymous() throws NamingException {
        var context = connect();
        same(names(all(context.search(new LdapName(BASE), "(cn=*)", subtree(0)))), List.of("Front Desk"));
        fails(NameNotFoundException.class, () -> search(context, "(cn=*)"));
    }

    /** Trusts the authority of the tests alone. */
    private static void trust(String file) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (var in = new FileInputStream(file)) {
            store.setCertificateEntry("tests", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trusted.getTrustManagers(), null);
        SSLContext.setDefault(context);
    }

    private static void check(PrintStream out, String name, Check check) {
        try {
            check.run();
            out.println("ok " + name);
        } catch (Exception | AssertionError e) {
            out.println("not ok " + name + ": " + e);
        }
    }

    public static void main(String[] args) throws Exception {
        var out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        trust(System.getenv("TEST_CA"));
        check(out, "root DSE", Jndi::rootDse);
        check(out, "schema", Jndi::schema);
        check(out, "bind by DN", Jndi::bindByDn);
        check(out, "bind by name", Jndi::bindByName);
        check(out, "StartTLS", Jndi::startTls);
        check(out, "LDAPS", Jndi::ldaps);
        check(out, "filters", Jndi::filters);
        check(out, "read again", Jndi::readAgain);
        check(out, "pages", Jndi::pages);
        check(out, "reverse sort", Jndi::reverseSort);
        check(out, "compare", Jndi::compare);
        check(out, "types only", Jndi::typesOnly);
        check(out, "size limit", Jndi::sizeLimit);
        check(out, "abandon", Jndi::abandon);
        check(out, "unknown control", Jndi::unknownControl);
        check(out, "ManageDsaIT", Jndi::manageDsaIt);
        check(out, "anonymous", Jndi::anonymous);
    }
}
