package ldapserver_test

const fewDescriptors = "LDAPSERVER_TEST_FEW_DESCRIPTORS"

func serveWithFewDescriptors() int { return 0 }
