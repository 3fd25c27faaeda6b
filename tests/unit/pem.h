/* A certificate for mx.test with its key, good for a century and for nothing but tests. */
#ifndef REEVE_TESTS_UNIT_PEM_H
#define REEVE_TESTS_UNIT_PEM_H

static const char test_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBPTCB5KADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB214LnRlc3Qw\n"
    "IhgPMjAwMDAxMDEwMDAwMDBaGA8yMTAwMDEwMTAwMDAwMFowEjEQMA4GA1UEAwwH\n"
    "bXgudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJru7BYuemry4SSUIkEI\n"
    "DBXCq65VHYWKZLR9kRHUWn+McY3TO1bzrh8K1oFuJZo6LpfHYfNCyX/6ASZb1RDc\n"
    "GKejJzAlMBIGA1UdEQQLMAmCB214LnRlc3QwDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNIADBFAiEAj53QUuX9U/6QmwyhldAvh4pUmxV+gPuwfvuPbrL4JSIC\n"
    "ICkiL4P1Vup9DLCFLQoLhEugFxjgAK7gA2TjnnRJixEL\n"
    "-----END CERTIFICATE-----\n"
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGtJc0DINLBJMUcQy\n"
    "+S15g12DuiZrPDN7xQAB17MnLFOhRANCAASa7uwWLnpq8uEklCJBCAwVwquuVR2F\n"
    "imS0fZER1Fp/jHGN0ztW864fCtaBbiWaOi6Xx2HzQsl/+gEmW9UQ3Bin\n"
    "-----END PRIVATE KEY-----\n";

#endif
