// SPDX-License-Identifier: MIT

#include <kunit/test.h>
#include <kunit/visibility.h>

/* As it is when the probe has failed that follows a reset by the bridge */
static int no_device_test_init(struct kunit *test)
{
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	pdev->driver = &xe_pci_driver;
	test->priv = pdev;

	return 0;
}

static void test_next_error(struct kunit *test)
{
	const struct pci_error_handlers *on_error = xe_pci_driver.err_handler;
	struct pci_dev *pdev = test->priv;

	KUNIT_EXPECT_TRUE(test, on_error->error_detected(pdev, pci_channel_io_normal) ==
				PCI_ERS_RESULT_DISCONNECT);
	KUNIT_EXPECT_TRUE(test, on_error->error_detected(pdev, pci_channel_io_frozen) ==
				PCI_ERS_RESULT_DISCONNECT);
	/* Another device behind the bridge may vote to go on */
	KUNIT_EXPECT_TRUE(test, on_error->mmio_enabled(pdev) == PCI_ERS_RESULT_DISCONNECT);
	KUNIT_EXPECT_TRUE(test, on_error->slot_reset(pdev) == PCI_ERS_RESULT_DISCONNECT);
	on_error->resume(pdev);
}

static void test_sriov(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	if (!IS_ENABLED(CONFIG_PCI_IOV))
		kunit_skip(test, "needs CONFIG_PCI_IOV");

	KUNIT_EXPECT_EQ(test, xe_pci_driver.sriov_configure(pdev, 1), -ENODEV);
	KUNIT_EXPECT_EQ(test, xe_pci_driver.sriov_configure(pdev, 0), -ENODEV);
}

#ifdef CONFIG_PM_SLEEP
static void test_sleep(struct kunit *test)
{
	const struct dev_pm_ops *pm = xe_pci_driver.driver.pm;
	struct pci_dev *pdev = test->priv;

	/* It must not keep the machine awake either */
	KUNIT_EXPECT_EQ(test, pm->suspend(&pdev->dev), 0);
	KUNIT_EXPECT_EQ(test, pm->resume(&pdev->dev), 0);
}
#endif

static void test_end(struct kunit *test)
{
	struct pci_dev *pdev = test->priv;

	xe_pci_driver.shutdown(pdev);
	xe_pci_driver.remove(pdev);
	KUNIT_EXPECT_NULL(test, pci_get_drvdata(pdev));
}

static struct kunit_case no_device_test_cases[] = {
	KUNIT_CASE(test_next_error),
	KUNIT_CASE(test_sriov),
#ifdef CONFIG_PM_SLEEP
	KUNIT_CASE(test_sleep),
#endif
	KUNIT_CASE(test_end),
	{}
};

VISIBLE_IF_KUNIT
struct kunit_suite xe_pci_no_device_test_suite = {
	.name = "xe_pci_no_device",
	.test_cases = no_device_test_cases,
	.init = no_device_test_init,
};
EXPORT_SYMBOL_IF_KUNIT(xe_pci_no_device_test_suite);
