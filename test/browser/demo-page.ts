import type { Page } from 'playwright-core';

/** Opens the second tab as a user does, and waits until both sides can write. */
export async function inviteGuest(host: Page): Promise<Page> {
  const opened = host.context().waitForEvent('page');
  await host.getByRole('link', { name: 'Open the second tab' }).click();
  const guest = await opened;
  for (const page of [host, guest]) await page.locator('#text:enabled').waitFor();
  return guest;
}

/** Writes as a user does. */
export async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

/** Waits until a text of the other side is there. */
export async function sees(page: Page, text: string): Promise<void> {
  await page.locator('#log .theirs', { hasText: text }).waitFor();
}
